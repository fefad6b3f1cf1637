import { shortName, shortText } from "../http/short-columns.ts";

/**
 * SQL of one row a run. FINAL merges what the parts of `runs` hold of it, several times as fast as GROUP BY does; and ClickHouse
 * drops the columns that an outer query does not ask for, so choosing runs costs only what the filter and the order read.
 * PREWHERE, on key columns only: rows are left out before they are merged. Parts of a tuple are taken by tupleElement(): `tuple.part` would be
 * read as a column of its own, which FINAL does not merge. `run_corrections` holds what no single record knows. Takes the parameters of `runSummaryParameters`.
 * What only log records told of is no run yet: one is shown from its first span on.
 */
export function runSummarySql(where = ""): string {
  return `
SELECT *,
  multiIf(end_facts.rank > 0, end_facts.status,
    root_facts.seen > 0, if(root_facts.status = 'error', 'failed', 'completed'),
    {as_of:Int64} - last_seen_ns > silence_ns, 'abandoned', 'running') AS run_status,
  multiIf(end_facts.rank > 0, toUnixTimestamp64Nano(end_facts.at),
    root_facts.seen > 0, toUnixTimestamp64Nano(root_facts.at),
    run_status = 'abandoned', last_seen_ns, {as_of:Int64}) AS until_ns,
  greatest(until_ns - start_ns, 0) AS duration_ns
FROM (
  SELECT runs.run_id AS run_id,
    toUnixTimestamp64Nano(start_time) AS start_ns,
    toUnixTimestamp64Nano(first_received_time) AS first_seen_ns,
    toUnixTimestamp64Nano(last_seen_time) AS last_seen_ns,
    heartbeat_interval_ms AS heartbeat_ms,
    if(heartbeat_ms IS NULL, {silence_ms:Int64},
      greatest({heartbeats_missed:Int64} * assumeNotNull(heartbeat_ms), {heartbeat_silence_ms:Int64})) * 1000000 AS silence_ns,
    ended AS end_facts, root AS root_facts, error AS error_facts,
    tupleElement(agent, 'name') AS agent_name, tupleElement(agent, 'version') AS agent_version,
    tupleElement(task_id, 'value') AS task_id_value, tupleElement(task_type, 'value') AS task_type_value,
    tupleElement(session_id, 'value') AS session_value, tupleElement(user_id, 'value') AS user_value,
    tupleElement(dialect, 'value') AS dialect_value,
    ${corrected("records")} AS record_count, ${corrected("numbered_records")} AS numbered_count, conflicts AS conflict_count,
    ${corrected("steps")} AS step_count, ${corrected("llm_calls")} AS llm_call_count,
    ${corrected("tool_calls")} AS tool_call_count, ${corrected("tool_errors")} AS tool_error_count,
    greatest(${corrected("tool_outcome_missing")}, 0) AS tool_outcome_missing_count,
    ${corrected("guardrails")} AS guardrail_count, ${corrected("guardrail_rejections")} AS guardrail_rejection_count,
    ${ofCalls("input_tokens")} AS input_sum, ${ofCalls("output_tokens")} AS output_sum,
    ${ofCalls("cache_read_tokens")} AS cache_read_sum, ${ofCalls("cache_write_tokens")} AS cache_write_sum,
    ${ofCalls("reasoning_tokens")} AS reasoning_sum, ${corrected("usage_missing")} AS usage_missing_count,
    greatest(${corrected("input_missing")}, 0) AS input_missing_count, greatest(${corrected("output_missing")}, 0) AS output_missing_count,
    ${ofCalls("cost_usd")} AS cost_sum, ${corrected("cost_missing")} AS cost_missing_count,
    price_table AS price_table_value, price_version AS price_version_value,
    arraySort(models) AS model_names,
    arraySort(arrayDistinct(arrayConcat(runs.tools, corrections.tools))) AS tool_names
  FROM (SELECT * FROM runs FINAL PREWHERE tenant = {tenant:String} ${where}) AS runs
  LEFT ANY JOIN (SELECT * FROM run_corrections FINAL PREWHERE tenant = {tenant:String} ${where}) AS corrections
    ON corrections.run_id = runs.run_id
  WHERE tupleElement(dialect, 'rank') < ${ONLY_LOGS}
)`;
}

/** The rank of what a log record tells (0007_metric_points.sql), below that of any span. */
export const ONLY_LOGS = 3;

/** A sum of `runs` with its corrections, which may take away. */
function corrected(column: string): string {
  return `runs.${column} + corrections.${column}`;
}

/** A sum over model calls: unknown, and not 0, when every one of them counts in another run. */
function ofCalls(column: string): string {
  return `if(${corrected("llm_calls")} = 0, NULL, ${corrected(column)})`;
}

/** How long a silent run still counts as running. */
export interface SilenceSettings {
  heartbeatsMissed: number;
  heartbeatSilenceMs: number;
  abandonedAfterMs: number;
}

/** The parameters of `runSummarySql` but for its own filter. `asOfMs`: the moment it is asked for, epoch ms. */
export function runSummaryParameters(
  tenant: string,
  asOfMs: number,
  silence: SilenceSettings,
): Record<string, unknown> {
  return {
    tenant,
    as_of: `${asOfMs}000000`,
    silence_ms: silence.abandonedAfterMs,
    heartbeats_missed: silence.heartbeatsMissed,
    heartbeat_silence_ms: silence.heartbeatSilenceMs,
  };
}

const NAMES = ["agent_name", "agent_version", "task_id_value", "task_type_value", "session_value", "user_value"];
/** Of a run's models, and of its tools: each is found by all of them. */
const MAX_NAMES_SHOWN = 200;

/** The columns that make a `run` of the API, of `runSummarySql` AS t: exact numbers as text, tuples taken apart. */
export const RUN_COLUMNS = `
  run_id, run_status, toString(start_ns) AS start_text, toString(until_ns) AS until_text,
  toString(last_seen_ns) AS last_seen_text, toString(first_seen_ns) AS first_seen_text, toString(duration_ns) AS duration_text,
  ${shortName("end_facts.outcome")} AS end_outcome, ${shortText("end_facts.reason")} AS end_reason, toString(end_facts.records) AS records_expected,
  error_facts.rank AS error_rank, ${shortName("error_facts.type")} AS error_type, ${shortText("error_facts.message")} AS error_message,
  ${NAMES.map((name) => `${shortName(`t.${name}`)} AS ${name}`).join(", ")}, dialect_value,
  record_count, numbered_count, conflict_count, step_count, llm_call_count, tool_call_count, tool_error_count,
  tool_outcome_missing_count,
  guardrail_rejection_count, input_sum, output_sum, cache_read_sum, cache_write_sum, reasoning_sum, usage_missing_count,
  input_missing_count, output_missing_count,
  toString(cost_sum) AS cost_text, cost_missing_count, price_table_value, price_version_value,
  ${["model_names", "tool_names"].map((names) => `arrayMap(name -> ${shortName("name")}, arraySlice(t.${names}, 1, ${MAX_NAMES_SHOWN})) AS ${names}`).join(", ")}`;
