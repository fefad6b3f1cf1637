/**
 * A row of ClickHouse's `steps`: a record without its content. The same function makes it from the journal's records and,
 * on `rebuild`, from the log's entries. Unknown is null; strings without a value are "". What a client named or wrote is bounded (`rowName`, `rowText`); the log has
 * the whole. Times are RFC 3339 with nanoseconds (column type DateTime64(9, 'UTC')).
 */
export interface StepRow {
  tenant: string;
  record_id: string;
  event: string;
  kind: string;
  name: string;
  operation: string;
  run_id: string;
  trace_id: string;
  step_id: string;
  parent_id: string;
  root: boolean;
  dialect: string;
  /** The instrumentation's name. */
  scope_name: string;
  /** Of a model call that counts: JSON of what its resource tells of the process it was made in; "" when nothing, and of all others. */
  process: string;
  start_time: string;
  end_time: string;
  received_time: string;
  latency_ms: number;
  status: string;
  error_type: string;
  error_message: string;
  run_seq: number | null;
  task_id: string;
  task_type: string;
  agent_name: string;
  agent_version: string;
  session_id: string;
  user_id: string;
  heartbeat_interval_ms: number | null;
  /** "" unless this record ends its run. */
  end_status: string;
  end_outcome: string;
  end_reason: string;
  end_records: number | null;
  provider: string;
  request_model: string;
  response_model: string;
  response_id: string;
  system_prompt_sha256: string;
  prompt_sha256: string;
  tools_sha256: string;
  /** The first MAX_FINISH_REASONS. */
  finish_reasons: string[];
  /** False for what is not a model call, and for wrappers around one: never added up. */
  llm_counted: boolean;
  input_tokens: number | null;
  output_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  reasoning_tokens: number | null;
  time_to_first_token_ms: number | null;
  streaming: boolean | null;
  /** Tokens that fit the model's context; null when the price table does not know it. */
  context_window: number | null;
  /** The tool calls that the model asked for: call id ("" when it has none), name, hash of the arguments ("" when it has none). */
  tool_request_ids: string[];
  tool_request_names: string[];
  tool_request_arguments: string[];
  /** The tool results that the model was given here for the first time: call id, or where that is "" the tool's name; whether they are errors. */
  tool_result_ids: string[];
  tool_result_names: string[];
  tool_result_sha256: string[];
  tool_result_bytes: number[];
  tool_result_errors: boolean[];
  /** Decimal(18, 9) as text. */
  cost_usd: string | null;
  price_table: string;
  price_version: string;
  tool_name: string;
  tool_call_id: string;
  tool_requested_by: string;
  arguments_sha256: string;
  result_sha256: string;
  result_bytes: number | null;
  attempt: number | null;
  idempotency_key: string;
  tool_known: boolean | null;
  tool_valid: boolean | null;
  tool_inferred: boolean;
  /** JSON of the record's AgentFacts, with how its tool call was let through as `tool`; "" when there is none of it. What is long in it is cut. */
  agent_facts: string;
  guardrail_rule: string;
  /** One of SIDE_EFFECTS, or "". */
  tool_side_effect: string;
  tool_confirmed: boolean | null;
  tool_same_as: string;
  conflict: boolean;
  /** At most PREVIEW_CHARS of the last message in, or the arguments. */
  input_preview: string;
  /** At most PREVIEW_CHARS of the response, or the result. */
  output_preview: string;
  /** Sequence number of the journal frame it came in; 0 when rebuilt from the log. */
  journal_seq: number;
  /** Identity of that journal; "" when rebuilt from the log. */
  journal: string;
}

export const PREVIEW_CHARS = 200;
export const MAX_FINISH_REASONS = 100;

/** A row of `log_entries`: where a record stands in the log, and where its payloads lie. Made from the log alone. */
export interface LogEntryRow {
  tenant: string;
  record_id: string;
  run_id: string;
  step_id: string;
  shard: string;
  log_index: number;
  /** sha256 of 0x00 and the entry, hex. */
  leaf_hash: string;
  /** JSON of the record's `payloads`. */
  payloads: string;
  /** JSON of the record's `act` with its `received_time`; "" when it is none. */
  act: string;
}
