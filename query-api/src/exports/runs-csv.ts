import type { BundleRun } from "@runledger/contract";

/** A column of a run for tables: lists are joined by spaces where names have none, gaps are `first-last`. */
export type RunColumn = readonly [
  name: string,
  type: "text" | "count",
  value: (run: BundleRun) => string | number | null,
];

/** Where its records stand is told as indexes of the one log, or of each of several. */
export function runColumns(ofSeveral: boolean): readonly RunColumn[] {
  return [...COLUMNS, ...(ofSeveral ? PLACES : PLACE)];
}

const COLUMNS: readonly RunColumn[] = [
  ["run_id", "text", (run) => run.run_id],
  ["agent_name", "text", (run) => run.agent_name],
  ["agent_version", "text", (run) => run.agent_version],
  ["task_type", "text", (run) => run.task_type],
  ["task_id", "text", (run) => run.task_id],
  ["session_id", "text", (run) => run.session_id],
  ["user_id", "text", (run) => run.user_id],
  ["status", "text", (run) => run.status],
  ["outcome", "text", (run) => run.outcome],
  ["reason", "text", (run) => run.reason],
  ["start_time", "text", (run) => run.start_time],
  ["end_time", "text", (run) => run.end_time],
  ["steps", "count", (run) => run.steps],
  ["llm_calls", "count", (run) => run.llm_calls],
  ["tool_calls", "count", (run) => run.tool_calls],
  ["errors", "count", (run) => run.errors],
  ["input_tokens", "count", (run) => run.input_tokens],
  ["input_missing", "count", (run) => run.input_missing ?? null],
  ["output_tokens", "count", (run) => run.output_tokens],
  ["output_missing", "count", (run) => run.output_missing ?? null],
  ["cost_usd", "text", (run) => run.cost_usd],
  ["cost_missing", "count", (run) => run.cost_missing ?? null],
  ["models", "text", (run) => run.models.join("; ")],
  ["tools", "text", (run) => run.tools.join("; ")],
  ["records", "count", (run) => run.records],
  ["records_expected", "count", (run) => run.records_expected],
  ["gaps", "text", (run) => run.gaps.map(([first, last]) => `${first}-${last}`).join("; ")],
];
const PLACE: readonly RunColumn[] = [
  ["first_index", "count", (run) => run.first_index ?? null],
  ["last_index", "count", (run) => run.last_index ?? null],
];
const PLACES: readonly RunColumn[] = [
  [
    "logs",
    "text",
    (run) =>
      (run.logs ?? []).map(({ shard, first_index, last_index }) => `${shard}: ${first_index}-${last_index}`).join("; "),
  ],
];

/** What a spreadsheet may take for a formula's start, full-width forms too (https://owasp.org/www-community/attacks/CSV_Injection). */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** RFC 4180, UTF-8. Text that a spreadsheet would take for a formula begins with an apostrophe. */
export function runsCsv(ofSeveral: boolean): { head: string; line(run: BundleRun): string } {
  const columns = runColumns(ofSeveral);
  const lineOf = (cells: string[]): string => `${cells.join(",")}\r\n`;
  return {
    head: lineOf(columns.map(([name]) => name)),
    line: (run) => lineOf(columns.map(([, , value]) => field(value(run)))),
  };
}

function field(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
