import { RUN_STATUSES, type Run, rfc3339FromUnixNano } from "@runledger/contract";
import { z } from "zod";

const text = z.string();
const count = z.coerce.number().int().nonnegative();
const known = z.coerce.number().int().nonnegative().nullable();

/** A row of RUN_COLUMNS. 64-bit numbers may come as text. */
const runRow = z.object({
  run_id: text,
  run_status: z.enum(RUN_STATUSES),
  start_text: text,
  until_text: text,
  last_seen_text: text,
  first_seen_text: text,
  duration_text: text,
  end_outcome: text,
  end_reason: text,
  records_expected: known,
  error_rank: count,
  error_type: text,
  error_message: text,
  agent_name: text,
  agent_version: text,
  task_id_value: text,
  task_type_value: text,
  session_value: text,
  user_value: text,
  dialect_value: text,
  record_count: count,
  numbered_count: count,
  conflict_count: count,
  step_count: count,
  llm_call_count: count,
  tool_call_count: count,
  tool_error_count: count,
  tool_outcome_missing_count: count,
  guardrail_rejection_count: count,
  input_sum: known,
  output_sum: known,
  cache_read_sum: known,
  cache_write_sum: known,
  reasoning_sum: known,
  usage_missing_count: count,
  input_missing_count: count,
  output_missing_count: count,
  cost_text: text.nullable(),
  cost_missing_count: count,
  price_table_value: text,
  price_version_value: text,
  model_names: z.array(text),
  tool_names: z.array(text),
});

/** When a run's records were received, ns since the epoch: the bounds that let ClickHouse skip every other day. */
export interface ReceivedBounds {
  firstNs: string;
  lastNs: string;
}

/** A `run` of the API from a row of RUN_COLUMNS, and where its records lie. @throws ZodError when the row is none. */
export function runFromRow(row: unknown): { run: Run; received: ReceivedBounds } {
  const r = runRow.parse(row);
  const live = r.run_status === "running" || r.run_status === "abandoned";
  const run: Run = {
    run_id: r.run_id,
    task_id: orNull(r.task_id_value),
    task_type: orNull(r.task_type_value),
    agent: { name: orNull(r.agent_name), version: orNull(r.agent_version) },
    session_id: orNull(r.session_value),
    user_id: orNull(r.user_value),
    status: r.run_status,
    outcome: orNull(r.end_outcome),
    reason: orNull(r.end_reason),
    error: r.error_rank === 0 ? null : { type: r.error_type || "error", message: orNull(r.error_message) },
    start_time: timeOf(r.start_text),
    end_time: live ? null : timeOf(r.until_text),
    duration_ms: Number(r.duration_text) / 1e6,
    last_seen_time: timeOf(r.last_seen_text),
    steps: r.step_count,
    llm_calls: r.llm_call_count,
    tool_call_count: r.tool_call_count,
    tool_errors: r.tool_error_count,
    tool_outcome_missing: r.tool_outcome_missing_count,
    guardrail_rejections: r.guardrail_rejection_count,
    input_tokens: r.input_sum,
    output_tokens: r.output_sum,
    cache_read_tokens: r.cache_read_sum,
    cache_write_tokens: r.cache_write_sum,
    reasoning_tokens: r.reasoning_sum,
    usage_missing: r.usage_missing_count,
    input_missing: r.input_missing_count,
    output_missing: r.output_missing_count,
    cost_usd: r.cost_text,
    cost_missing: r.cost_missing_count,
    price_table: orNull(r.price_table_value),
    price_version: orNull(r.price_version_value),
    models: r.model_names,
    tools: r.tool_names,
    dialect: r.dialect_value,
    complete: r.records_expected === null ? null : r.numbered_count >= r.records_expected,
    // The end commits to a number of numbered records, so only those compare with it.
    records: r.numbered_count > 0 || r.records_expected !== null ? r.numbered_count : r.record_count,
    records_expected: r.records_expected,
    conflicts: r.conflict_count,
  };
  return { run, received: { firstNs: r.first_seen_text, lastNs: r.last_seen_text } };
}

function orNull(value: string): string | null {
  return value === "" ? null : value;
}

function timeOf(unixNano: string): string {
  return rfc3339FromUnixNano(BigInt(unixNano));
}
