import { isOutcomeUnknown, rowAgentFacts, STEP_KINDS, type Step } from "@runledger/contract";
import { z } from "zod";

const text = z.string();
const count = z.coerce.number().int().nonnegative();
const known = z.coerce.number().int().nonnegative().nullable();

/** What `querySteps` answers. 64-bit numbers may come as text. */
const stepRow = z.object({
  seq: count,
  step_id: text,
  parent_id: text,
  kind: z.enum(STEP_KINDS),
  operation: text,
  name: text,
  start_time: text,
  latency_ms: z.number(),
  status: text,
  error_type: text,
  error_message: text,
  record_id: text,
  conflict: z.boolean(),
  input_preview: text,
  output_preview: text,
  provider: text,
  request_model: text,
  response_model: text,
  response_id: text,
  system_prompt_sha256: text,
  prompt_sha256: text,
  tools_sha256: text,
  finish_reasons: z.array(text),
  input_tokens: known,
  output_tokens: known,
  cache_read_tokens: known,
  cache_write_tokens: known,
  reasoning_tokens: known,
  cost_usd: text.nullable(),
  price_table: text,
  price_version: text,
  time_to_first_token_ms: z.number().nullable(),
  streaming: z.boolean().nullable(),
  context_window: known,
  llm_counted: z.boolean(),
  same_call_as: text,
  same_call_in: text,
  shown_by: text,
  tool_name: text,
  tool_call_id: text,
  tool_requested_by: text,
  arguments_sha256: text,
  result_sha256: text,
  result_bytes: known,
  attempt: known,
  idempotency_key: text,
  tool_known: z.boolean().nullable(),
  tool_valid: z.boolean().nullable(),
  tool_inferred: z.boolean(),
  agent_facts: text,
});
type ReadRow = z.infer<typeof stepRow>;

/** A `step` of the API. @throws ZodError when the row is none of `querySteps`. */
export function stepFromRow(row: unknown): Step {
  const r = stepRow.parse(row);
  const { tool: safety, ...facts } = agentFactsOf(r.agent_facts);
  const isInferred = r.kind === "tool" && r.tool_inferred;
  return {
    seq: r.seq,
    step_id: r.step_id,
    parent_id: orNull(r.parent_id),
    kind: r.kind,
    operation: orNull(r.operation),
    name: r.name,
    start_time: `${r.start_time.replace(" ", "T")}Z`,
    latency_ms: isInferred ? null : r.latency_ms,
    status: isOutcomeUnknown({ ...r, inferred: isInferred }) ? null : r.status === "error" ? "error" : "ok",
    error: r.status === "error" ? { type: r.error_type || "error", message: orNull(r.error_message) } : null,
    record_id: r.record_id,
    shown_by: orNull(r.shown_by),
    conflict: r.conflict,
    input_preview: r.input_preview,
    output_preview: r.output_preview,
    llm: r.kind === "llm" ? llmOf(r) : null,
    tool: r.tool_name === "" ? null : { ...toolOf(r), ...safety },
    ...facts,
  };
}

/** Those of a later version of the collector are left to the record: a list of steps does not fail for them. */
function agentFactsOf(json: string): z.infer<typeof rowAgentFacts> {
  return json === "" ? {} : (rowAgentFacts.safeParse(JSON.parse(json)).data ?? {});
}

function llmOf(r: ReadRow): Step["llm"] {
  return {
    provider: orNull(r.provider),
    request_model: orNull(r.request_model),
    response_model: orNull(r.response_model),
    response_id: orNull(r.response_id),
    system_prompt_sha256: orNull(r.system_prompt_sha256),
    prompt_sha256: orNull(r.prompt_sha256),
    tools_sha256: orNull(r.tools_sha256),
    finish_reasons: r.finish_reasons,
    input_tokens: r.input_tokens,
    output_tokens: r.output_tokens,
    cache_read_tokens: r.cache_read_tokens,
    cache_write_tokens: r.cache_write_tokens,
    reasoning_tokens: r.reasoning_tokens,
    cost_usd: r.cost_usd,
    price_table: orNull(r.price_table),
    price_version: orNull(r.price_version),
    time_to_first_token_ms: r.time_to_first_token_ms,
    streaming: r.streaming,
    context_window: r.context_window,
    counted: r.llm_counted && r.same_call_as === "",
    same_call_as: orNull(r.same_call_as),
    same_call_in: orNull(r.same_call_in),
  };
}

function toolOf(r: ReadRow): NonNullable<Step["tool"]> {
  return {
    name: r.tool_name,
    call_id: orNull(r.tool_call_id),
    requested_by: orNull(r.tool_requested_by),
    arguments_sha256: orNull(r.arguments_sha256),
    result_sha256: orNull(r.result_sha256),
    result_bytes: r.result_bytes,
    attempt: r.attempt,
    idempotency_key: orNull(r.idempotency_key),
    known: r.tool_known,
    valid: r.tool_valid,
    inferred: r.tool_inferred,
    counted: r.kind === "tool" && r.same_call_as === "",
    same_call_as: orNull(r.same_call_as),
    same_call_in: orNull(r.same_call_in),
  };
}

function orNull(value: string): string | null {
  return value === "" ? null : value;
}
