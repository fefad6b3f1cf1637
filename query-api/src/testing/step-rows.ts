import { createHash } from "node:crypto";
import { rfc3339FromUnixNano, type StepRow } from "@runledger/contract";

/** 2026-01-02T03:04:05Z, epoch ms: when the runs of these tests begin. */
export const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A time `ms` after START_MS, as rows carry it. */
export function at(ms: number): string {
  return rfc3339FromUnixNano(BigInt(START_MS + ms) * 1_000_000n);
}

export function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A row of a run's plain step, with what a test cares about put over it. Its ids come from `key`. */
export function stepRow(run_id: string, key: string, facts: Partial<StepRow> = {}): StepRow {
  const id = sha256(`${run_id}/${key}`);
  return {
    ...NOTHING_KNOWN,
    run_id,
    record_id: id,
    trace_id: sha256(run_id).slice(0, 32),
    step_id: id.slice(0, 16),
    name: key,
    start_time: at(0),
    end_time: facts.start_time ?? at(0),
    received_time: facts.start_time ?? at(0),
    ...facts,
  };
}

/** A model call that counts. */
export function llmRow(run_id: string, key: string, facts: Partial<StepRow> = {}): StepRow {
  return stepRow(run_id, key, {
    kind: "llm",
    operation: "chat",
    provider: "openai",
    request_model: "gpt-test",
    response_model: "gpt-test-1",
    llm_counted: true,
    latency_ms: 120.5,
    ...facts,
  });
}

export function toolRow(run_id: string, key: string, facts: Partial<StepRow> = {}): StepRow {
  return stepRow(run_id, key, {
    kind: "tool",
    tool_name: "search",
    arguments_sha256: sha256("{}"),
    attempt: 1,
    ...facts,
  });
}

const NOTHING_KNOWN: Omit<
  StepRow,
  "run_id" | "record_id" | "trace_id" | "step_id" | "name" | "start_time" | "end_time" | "received_time"
> = {
  tenant: "default",
  event: "step",
  kind: "other",
  parent_id: "",
  root: false,
  dialect: "runledger",
  scope_name: "@runledger/sdk",
  latency_ms: 1,
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
  operation: "",
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
