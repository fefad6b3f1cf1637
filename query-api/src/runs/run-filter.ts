import { type ListRunsQuery, rowName } from "@runledger/contract";
import { unixNanoOf } from "../http/time.ts";

/** A condition over `runSummarySql`, with the values it takes as parameters. */
export interface RunFilter {
  sql: string;
  parameters: Record<string, unknown>;
}

/** Text in steps is looked for in what was received since then, when the question has no `since`. */
const DEFAULT_SEARCH_NS = 7n * 24n * 3_600n * 1_000_000_000n;

type FilterField = Exclude<keyof ListRunsQuery, "order" | "limit" | "cursor">;

const textInSteps = (columns: readonly string[]) => {
  const found = `tenant = {tenant:String} AND received_time >= fromUnixTimestamp64Nano({q_since:Int64})
  AND (${columns.map((column) => `positionCaseInsensitiveUTF8(${column}, {q:String}) > 0`).join(" OR ")})`;
  return `run_id IN (SELECT run_id FROM all_steps WHERE ${found}
  UNION ALL SELECT run_id FROM steps WHERE event = 'run_end' AND ${found})`;
};

const CONDITIONS: Record<FilterField, string> = {
  status: "run_status = {status:String}",
  agent: "agent_name = {agent:String}",
  task_type: "task_type_value = {task_type:String}",
  session: "session_value = {session:String}",
  user: "user_value = {user:String}",
  model: "has(model_names, {model:String})",
  tool: "has(tool_names, {tool:String})",
  since: "start_ns >= {since:Int64}",
  until: "start_ns < {until:Int64}",
  min_cost_usd: "cost_sum >= {min_cost_usd:Decimal(38, 9)}",
  q: textCondition(["name", "input_preview", "output_preview"]),
};
const NAMED: ReadonlySet<FilterField> = new Set(["agent", "task_type", "session", "user", "model", "tool"]);
/** For who may not see content: neither may its hits tell of it. */
const TEXT_OF_FACTS = textCondition(["name"]);

function textCondition(columns: readonly string[]): string {
  return `(positionCaseInsensitiveUTF8(run_id, {q:String}) > 0 OR positionCaseInsensitiveUTF8(task_id_value, {q:String}) > 0
    OR positionCaseInsensitiveUTF8(agent_name, {q:String}) > 0 OR ${textInSteps(columns)})`;
}

function parameterOf(field: FilterField, value: string | number): string | number {
  if (typeof value !== "string") return value;
  if (field === "since" || field === "until") return unixNanoOf(value);
  return NAMED.has(field) ? rowName(value) : value;
}

/** What a list of runs asks for, as SQL whose text depends only on which fields are there. `asOfMs`: the moment of the question, epoch ms. */
export function runFilter(query: ListRunsQuery, asOfMs: number, seesContent: boolean): RunFilter {
  const conditions: string[] = [];
  const parameters: Record<string, unknown> = {};
  for (const [field, condition] of Object.entries(CONDITIONS) as [FilterField, string][]) {
    const value = query[field];
    if (value === undefined) continue;
    conditions.push(field === "q" && !seesContent ? TEXT_OF_FACTS : condition);
    parameters[field] = parameterOf(field, value);
  }
  if (query.q !== undefined) {
    const nowNs = BigInt(asOfMs) * 1_000_000n;
    const untilNs = query.until === undefined ? nowNs : BigInt(unixNanoOf(query.until));
    const startNs = (untilNs < nowNs ? untilNs : nowNs) - DEFAULT_SEARCH_NS;
    parameters["q_since"] = parameters["since"] ?? startNs.toString();
  }
  return { sql: conditions.join(" AND "), parameters };
}
