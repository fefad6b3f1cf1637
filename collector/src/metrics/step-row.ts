import { MAX_FINISH_REASONS, type RunledgerRecord, rowName, rowText, type StepRow } from "@runledger/contract";
import { agentFactsText } from "./agent-facts-text.ts";
import { processOf } from "./process-of.ts";

/** What a row tells that the record itself does not hold. */
export interface StepRowContext {
  conflict: boolean;
  inputPreview: string;
  outputPreview: string;
  /** Of the model, by today's prices table: the log does not hold it. */
  contextWindow: number | null;
  /** 0 when made from the log. */
  journalSeq: number;
  /** Identity of that journal; "" when made from the log. */
  journal: string;
}

/** A later time is shown as this one: ClickHouse's minutes end in 2106. The log keeps what the client said. */
const LATEST_TIME = "2106-01-01T00:00:00.000000000Z";

/**
 * The row of a record. The journal's follower and `rebuild` both come here, so that a refilled ClickHouse gives the same answers.
 * Shape and units: contract `StepRow`.
 */
export function stepRow(record: Omit<RunledgerRecord, "payloads" | "conflict">, context: StepRowContext): StepRow {
  const { llm, tool, end, run, cost } = record;
  return {
    tenant: record.tenant,
    record_id: record.record_id,
    event: record.event,
    kind: record.kind,
    name: rowName(record.name),
    operation: nameOf(record.operation),
    run_id: record.run_id,
    trace_id: record.trace_id,
    step_id: record.step_id,
    parent_id: nameOf(record.parent_id),
    root: record.root,
    dialect: record.dialect,
    scope_name: rowName(record.scope.name),
    process: llm?.counted ? processOf(record.resource) : "",
    start_time: shown(record.start_time),
    end_time: shown(record.end_time),
    received_time: shown(record.received_time),
    latency_ms: latencyMs(record.start_time, record.end_time),
    status: record.status,
    error_type: nameOf(record.error?.type),
    error_message: rowText(record.error?.message ?? ""),
    run_seq: record.run_seq,
    task_id: nameOf(run.task_id),
    task_type: nameOf(run.task_type),
    agent_name: nameOf(run.agent_name),
    agent_version: nameOf(run.agent_version),
    session_id: nameOf(run.session_id),
    user_id: nameOf(run.user_id),
    heartbeat_interval_ms: run.heartbeat_interval_ms,
    end_status: end?.status ?? "",
    end_outcome: nameOf(end?.outcome),
    end_reason: rowText(end?.reason ?? ""),
    end_records: end?.records ?? null,
    ...llmColumns(llm),
    context_window: context.contextWindow,
    cost_usd: cost?.usd ?? null,
    price_table: cost?.price_table ?? "",
    price_version: cost?.price_version ?? "",
    ...toolColumns(tool),
    ...agentColumns(record),
    conflict: context.conflict,
    input_preview: context.inputPreview,
    output_preview: context.outputPreview,
    journal_seq: context.journalSeq,
    journal: context.journal,
  };
}

function llmColumns(llm: RunledgerRecord["llm"]) {
  return {
    provider: nameOf(llm?.provider),
    request_model: nameOf(llm?.request_model),
    response_model: nameOf(llm?.response_model),
    response_id: nameOf(llm?.response_id),
    system_prompt_sha256: llm?.system_prompt_sha256 ?? "",
    prompt_sha256: llm?.prompt_sha256 ?? "",
    tools_sha256: llm?.tools_sha256 ?? "",
    finish_reasons: llm?.finish_reasons.slice(0, MAX_FINISH_REASONS).map(rowName) ?? [],
    llm_counted: llm?.counted ?? false,
    input_tokens: llm?.input_tokens ?? null,
    output_tokens: llm?.output_tokens ?? null,
    cache_read_tokens: llm?.cache_read_tokens ?? null,
    cache_write_tokens: llm?.cache_write_tokens ?? null,
    reasoning_tokens: llm?.reasoning_tokens ?? null,
    time_to_first_token_ms: llm?.time_to_first_token_ms ?? null,
    streaming: llm?.streaming ?? null,
    ...toolTalkColumns(llm),
  };
}

function toolTalkColumns(llm: RunledgerRecord["llm"]) {
  const requests = llm?.tool_requests ?? [];
  const results = llm?.tool_results ?? [];
  return {
    tool_request_ids: requests.map(({ call_id }) => nameOf(call_id)),
    tool_request_names: requests.map(({ name }) => rowName(name)),
    tool_request_arguments: requests.map(({ arguments_sha256 }) => arguments_sha256 ?? ""),
    tool_result_ids: results.map(({ call_id }) => rowName(call_id)),
    tool_result_sha256: results.map(({ result_sha256 }) => result_sha256),
    tool_result_bytes: results.map(({ result_bytes }) => result_bytes),
    tool_result_names: results.map(({ name }) => nameOf(name)),
    tool_result_errors: results.map(({ is_error }) => is_error ?? false),
  };
}

function toolColumns(tool: RunledgerRecord["tool"]) {
  return {
    tool_name: nameOf(tool?.name),
    tool_call_id: nameOf(tool?.call_id),
    tool_requested_by: nameOf(tool?.requested_by),
    arguments_sha256: tool?.arguments_sha256 ?? "",
    result_sha256: tool?.result_sha256 ?? "",
    result_bytes: tool?.result_bytes ?? null,
    attempt: tool?.attempt ?? null,
    idempotency_key: nameOf(tool?.idempotency_key),
    tool_known: tool?.known ?? null,
    tool_valid: tool?.valid ?? null,
    tool_inferred: tool?.inferred ?? false,
  };
}

function agentColumns(record: Omit<RunledgerRecord, "payloads" | "conflict">) {
  const { tool } = record;
  return {
    agent_facts: agentFactsText(record),
    guardrail_rule: nameOf(record.guardrail?.rule),
    tool_side_effect: tool?.side_effect ?? "",
    tool_confirmed: tool?.confirmed ?? null,
    tool_same_as: nameOf(tool?.same_as),
  };
}

function nameOf(name: string | null | undefined): string {
  return name == null ? "" : rowName(name);
}

function shown(time: string): string {
  return time < LATEST_TIME ? time : LATEST_TIME; // RFC 3339 of one length sorts as text
}

/** Milliseconds with six digits after the point; 0 when it ended before it began. */
function latencyMs(start: string, end: string): number {
  const minutes = start.slice(0, 16) === end.slice(0, 16) ? 0 : minuteOf(end) - minuteOf(start);
  const ms = minutes + (Number(end.slice(17, 29)) - Number(start.slice(17, 29))) * 1000;
  return Math.max(0, Math.round(ms * 1e6) / 1e6);
}

function minuteOf(time: string): number {
  return Date.parse(`${time.slice(0, 16)}:00Z`);
}
