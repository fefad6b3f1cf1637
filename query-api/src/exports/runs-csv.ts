import type { BundleRun } from "@runledger/contract";

/** Columns of a run for tables: lists are joined by spaces where names have none, gaps are `first-last`. */
export const RUN_COLUMNS: readonly [
  name: string,
  type: "text" | "count",
  value: (run: BundleRun) => string | number | null,
][] = [
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
  ["output_tokens", "count", (run) => run.output_tokens],
  ["cost_usd", "text", (run) => run.cost_usd],
  ["models", "text", (run) => run.models.join("; ")],
  ["tools", "text", (run) => run.tools.join("; ")],
  ["records", "count", (run) => run.records],
  ["records_expected", "count", (run) => run.records_expected],
  ["gaps", "text", (run) => run.gaps.map(([first, last]) => `${first}-${last}`).join("; ")],
  ["first_index", "count", (run) => run.first_index],
  ["last_index", "count", (run) => run.last_index],
];

/** RFC 4180, UTF-8. Text that a spreadsheet would take for a formula begins with an apostrophe. */
export function runsCsv(runs: readonly BundleRun[]): string {
  const head = RUN_COLUMNS.map(([name]) => name).join(",");
  const lines = runs.map((run) => RUN_COLUMNS.map(([, , value]) => field(value(run))).join(","));
  return `${[head, ...lines].join("\r\n")}\r\n`;
}

function field(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
