import { createHash } from "node:crypto";
import type { StepRow } from "@runledger/contract";

export const START_MS = Date.now() - 3_600_000;

/** A time `ms` after START_MS, as rows carry it. */
export function at(ms: number): string {
  return `${new Date(START_MS + ms).toISOString().slice(0, -1)}000000Z`;
}

export function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export function spanId(key: string): string {
  return hash(key).slice(0, 16);
}

/** A row of a run's span, from `startMs` to `endMs`; `parent` is the key of another one. Ids come from `key`. */
export function row(
  key: string,
  startMs: number,
  endMs: number,
  parent: string,
  facts: Partial<StepRow> = {},
): StepRow {
  const runId = facts.run_id ?? "run";
  return {
    ...NOTHING_KNOWN,
    run_id: runId,
    record_id: hash(`${runId}/${key}`),
    step_id: spanId(`${runId}/${key}`),
    parent_id: parent === "" ? "" : spanId(`${runId}/${parent}`),
    root: parent === "",
    trace_id: hash(runId).slice(0, 32),
    name: key,
    start_time: at(startMs),
    end_time: at(endMs),
    received_time: at(endMs + 5),
    latency_ms: endMs - startMs,
    ...facts,
  };
}

/** A model call that counts, `[input, output]` its tokens. */
export function llm(
  key: string,
  [startMs, endMs]: [number, number],
  parent: string,
  tokens: [number, number] | null,
  facts: Partial<StepRow> = {},
): StepRow {
  return row(key, startMs, endMs, parent, {
    kind: "llm",
    operation: "chat",
    request_model: "gpt-4o",
    llm_counted: true,
    input_tokens: tokens?.[0] ?? null,
    output_tokens: tokens?.[1] ?? null,
    ...facts,
  });
}

export function tool(
  key: string,
  [startMs, endMs]: [number, number],
  parent: string,
  facts: Partial<StepRow> = {},
): StepRow {
  return row(key, startMs, endMs, parent, { kind: "tool", tool_name: "search", ...facts });
}

/** The columns of a model call that asks for tools: [call id, name, arguments]. */
export function asking(...requests: [string, string, string][]): Partial<StepRow> {
  return {
    tool_request_ids: requests.map(([id]) => id),
    tool_request_names: requests.map(([, name]) => name),
    tool_request_arguments: requests.map(([, , given]) => (given === "" ? "" : hash(given))),
  };
}

/** The columns of a model call that is given results: [call id, result]. */
export function given(...results: [string, string][]): Partial<StepRow> {
  return {
    tool_result_ids: results.map(([id]) => id),
    tool_result_sha256: results.map(([, text]) => hash(text)),
    tool_result_bytes: results.map(([, text]) => text.length),
  };
}

const NOTHING_KNOWN: Omit<
  StepRow,
  | "run_id"
  | "record_id"
  | "trace_id"
  | "step_id"
  | "parent_id"
  | "root"
  | "name"
  | "start_time"
  | "end_time"
  | "received_time"
  | "latency_ms"
> = {
  tenant: "default",
  event: "step",
  kind: "other",
  operation: "",
  dialect: "openinference",
  scope_name: "outer",
  status: "ok",
  error_type: "",
  error_message: "",
  run_seq: null,
  task_id: "",
  task_type: "",
  agent_name: "",
  agent_version: "",
  session_id: "",
  user_id: "",
  heartbeat_interval_ms: null,
  end_status: "",
  end_outcome: "",
  end_reason: "",
  end_records: null,
  provider: "",
  request_model: "",
  response_model: "",
  response_id: "",
  system_prompt_sha256: "",
  prompt_sha256: "",
  tools_sha256: "",
  finish_reasons: [],
  llm_counted: false,
  input_tokens: null,
  output_tokens: null,
  cache_read_tokens: null,
  cache_write_tokens: null,
  reasoning_tokens: null,
  time_to_first_token_ms: null,
  streaming: null,
  context_window: null,
  tool_request_ids: [],
  tool_request_names: [],
  tool_request_arguments: [],
  tool_result_ids: [],
  tool_result_sha256: [],
  tool_result_bytes: [],
  cost_usd: null,
  price_table: "",
  price_version: "",
  tool_name: "",
  tool_call_id: "",
  tool_requested_by: "",
  arguments_sha256: "",
  result_sha256: "",
  result_bytes: null,
  attempt: null,
  idempotency_key: "",
  tool_known: null,
  tool_valid: null,
  tool_inferred: false,
  agent_facts: "",
  guardrail_rule: "",
  tool_side_effect: "",
  tool_confirmed: null,
  tool_same_as: "",
  conflict: false,
  input_preview: "",
  output_preview: "",
  journal_seq: 1,
  journal: "",
};
