import { createHash } from "node:crypto";
import type { InferredTool } from "./inferred-tools.ts";
import type { Resolution, Usage } from "./resolve-run.ts";
import { lacksOutcome, usageKnown } from "./same-call.ts";
import type { StepFact } from "./step-fact.ts";

/** A row of ClickHouse's `corrections`, but for `version` and `in_force`. */
export interface CorrectionRow {
  tenant: string;
  run_id: string;
  record_id: string;
  /** `repeated`: written by the sink (metrics/repeats.ts), and true for ever. */
  what: "uncounted" | "filled" | "inferred" | "repeated";
  step_id: string;
  same_call_as: string;
  /** Run of the record that counts, when it is another one; else "". */
  same_call_in: string;
  shown_by: string;
  result_in: string;
  kind: string;
  name: string;
  trace_id: string;
  parent_id: string;
  dialect: string;
  scope_name: string;
  start_time: string;
  end_time: string;
  received_time: string;
  latency_ms: number;
  task_type: string;
  agent_name: string;
  model: string;
  tool_name: string;
  tool_call_id: string;
  tool_requested_by: string;
  arguments_sha256: string;
  result_sha256: string;
  result_bytes: number | null;
  /** Of an inferred tool call that failed; else "". */
  error_type: string;
  steps: number;
  llm_calls: number;
  llm_errors: number;
  tool_calls: number;
  tool_errors: number;
  tool_outcome_missing: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  usage_missing: number;
  input_missing: number;
  output_missing: number;
  /** Decimal text. */
  cost_usd: string;
  cost_missing: number;
  /** Of repeated records only, as the next three. */
  records: number;
  numbered_records: number;
  guardrails: number;
  guardrail_rejections: number;
  /** Hash of all of the above: whether a row that stands says the same. */
  content_sha256: string;
}

/** The rows of what was found out about a run. */
export function correctionRows({ uncounted, filled, inferred }: Resolution): CorrectionRow[] {
  const rows = [
    ...uncounted.map(({ fact, sameCallAs }) => uncountedRow(fact, sameCallAs)),
    ...filled.map(({ fact, usage }) => filledRow(fact, usage)),
    ...inferred.map(inferredRow),
  ];
  return rows.map((row) => ({
    ...row,
    content_sha256: createHash("sha256").update(JSON.stringify(row)).digest("hex"),
  }));
}

type Row = Omit<CorrectionRow, "content_sha256">;

/** `error.type` of a tool whose result says that it failed, by the conventions for MCP. */
const TOOL_ERROR = "tool_error";

const NOTHING = {
  same_call_as: "",
  same_call_in: "",
  shown_by: "",
  result_in: "",
  name: "",
  latency_ms: 0,
  model: "",
  tool_name: "",
  tool_call_id: "",
  tool_requested_by: "",
  arguments_sha256: "",
  result_sha256: "",
  result_bytes: null,
  error_type: "",
  steps: 0,
  llm_calls: 0,
  llm_errors: 0,
  tool_calls: 0,
  tool_errors: 0,
  tool_outcome_missing: 0,
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  usage_missing: 0,
  input_missing: 0,
  output_missing: 0,
  cost_usd: "0",
  cost_missing: 0,
  records: 0,
  numbered_records: 0,
  guardrails: 0,
  guardrail_rejections: 0,
} as const;

/** Takes back what the views of `steps` made of the record. */
function uncountedRow(fact: StepFact, sameCallAs: StepFact): Row {
  const same_call_in = sameCallAs.run_id === fact.run_id ? "" : sameCallAs.run_id;
  const row = { ...rowOf(fact), what: "uncounted" as const, same_call_as: sameCallAs.step_id, same_call_in };
  const failed = fact.status === "error";
  if (fact.kind === "tool")
    return { ...row, tool_calls: -1, tool_errors: minus(failed), tool_outcome_missing: minus(lacksOutcome(fact)) };
  return {
    ...row,
    llm_calls: -1,
    llm_errors: minus(failed),
    input_tokens: 0 - (fact.input_tokens ?? 0),
    output_tokens: 0 - (fact.output_tokens ?? 0),
    cache_read_tokens: 0 - (fact.cache_read_tokens ?? 0),
    cache_write_tokens: 0 - (fact.cache_write_tokens ?? 0),
    reasoning_tokens: 0 - (fact.reasoning_tokens ?? 0),
    usage_missing: minus(!failed && !usageKnown(fact)),
    input_missing: minus(lacksInput(fact)),
    output_missing: minus(lacksOutput(fact)),
    cost_usd: fact.cost_usd === null ? "0" : `-${fact.cost_usd}`,
    cost_missing: minus(!failed && fact.cost_usd === null),
  };
}

function filledRow(fact: StepFact, usage: Usage): Row {
  return {
    ...rowOf(fact),
    what: "filled",
    input_missing: minus(lacksInput(fact) && usage.input_tokens !== undefined),
    output_missing: minus(lacksOutput(fact) && usage.output_tokens !== undefined),
    input_tokens: usage.input_tokens ?? 0,
    output_tokens: usage.output_tokens ?? 0,
    cache_read_tokens: usage.cache_read_tokens ?? 0,
    cache_write_tokens: usage.cache_write_tokens ?? 0,
    reasoning_tokens: usage.reasoning_tokens ?? 0,
    cost_usd: usage.cost_usd ?? "0",
    cost_missing: minus(fact.status !== "error" && usage.cost_usd !== undefined),
  };
}

/** As the views of `steps` count it (0013_tokens_missing.sql). */
function lacksInput({ status, input_tokens }: StepFact): boolean {
  return status !== "error" && input_tokens === null;
}

function lacksOutput({ status, output_tokens, operation }: StepFact): boolean {
  return status !== "error" && output_tokens === null && operation !== "embeddings";
}

function inferredRow(tool: InferredTool): Row {
  const { requestedBy: source, result } = tool;
  return {
    ...rowOf(source),
    record_id: tool.recordId,
    what: "inferred",
    step_id: tool.recordId.slice(0, 16),
    shown_by: source.record_id,
    result_in: result?.record.record_id ?? "",
    kind: "tool",
    name: tool.name,
    parent_id: source.parent_id,
    start_time: tool.startTime,
    end_time: tool.endTime,
    received_time: tool.receivedTime,
    latency_ms: Math.max(0, Date.parse(tool.endTime) - Date.parse(tool.startTime)),
    model: "",
    tool_name: tool.name,
    tool_call_id: tool.callId,
    tool_requested_by: source.step_id,
    arguments_sha256: tool.argumentsSha256,
    result_sha256: result?.sha256 ?? "",
    result_bytes: result?.bytes ?? null,
    error_type: result?.isError ? TOOL_ERROR : "",
    steps: 1,
    tool_calls: 1,
    tool_errors: result?.isError ? 1 : 0,
    tool_outcome_missing: result === null ? 1 : 0,
  };
}

/** The row's place in the rollups, which is its record's. */
function rowOf(fact: StepFact): Omit<Row, "what"> {
  return {
    ...NOTHING,
    tenant: fact.tenant,
    run_id: fact.run_id,
    record_id: fact.record_id,
    step_id: fact.step_id,
    kind: fact.kind,
    trace_id: fact.trace_id,
    parent_id: fact.parent_id,
    dialect: fact.dialect,
    scope_name: fact.scope_name,
    start_time: fact.start_time,
    end_time: fact.end_time,
    received_time: fact.received_time,
    task_type: fact.task_type,
    agent_name: fact.agent_name,
    model: fact.response_model || fact.request_model,
    tool_name: fact.tool_name,
  };
}

function minus(condition: boolean): number {
  return condition ? -1 : 0;
}
