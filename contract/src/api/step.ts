import { z } from "zod";
import { AGENT_FACTS, TOOL_SAFETY } from "../record/agent-facts.ts";
import { freeMembers, STEP_KINDS } from "../record/record.ts";
import { apiMoney, apiTime } from "./run.ts";

const count = z.number().int().nonnegative();
const hash = z.string().nullable();

const stepLlm = z.object({
  provider: z.string().nullable(),
  request_model: z.string().nullable(),
  response_model: z.string().nullable(),
  response_id: z.string().nullable(),
  system_prompt_sha256: hash,
  prompt_sha256: hash,
  tools_sha256: hash,
  finish_reasons: z.array(z.string()),
  input_tokens: count.nullable(),
  output_tokens: count.nullable(),
  cache_read_tokens: count.nullable(),
  cache_write_tokens: count.nullable(),
  reasoning_tokens: count.nullable(),
  cost_usd: apiMoney.nullable(),
  price_table: z.string().nullable(),
  price_version: z.string().nullable(),
  time_to_first_token_ms: z.number().nullable(),
  streaming: z.boolean().nullable(),
  /** Tokens that fit the model's context. */
  context_window: count.nullable(),
  /** Whether it is among the run's calls, tokens and cost: false for wrappers, and for what another record tells of the same call. */
  counted: z.boolean(),
  /** step_id of the record that is counted for this one, and its run_id when that is another run. */
  same_call_as: z.string().nullable(),
  same_call_in: z.string().nullable(),
});

const stepTool = z.object({
  name: z.string(),
  call_id: z.string().nullable(),
  requested_by: z.string().nullable(),
  arguments_sha256: hash,
  result_sha256: hash,
  result_bytes: count.nullable(),
  attempt: count.nullable(),
  idempotency_key: z.string().nullable(),
  known: z.boolean().nullable(),
  valid: z.boolean().nullable(),
  /** Seen in the messages only: by the SDK, which made a record of it, or else out of the run's other records (`shown_by`). */
  inferred: z.boolean(),
  ...TOOL_SAFETY,
  /** Whether it is among the run's tool calls: false for what another record tells of the same call. */
  counted: z.boolean(),
  /** step_id of the record that is counted for this one, and its run_id when that is another run. */
  same_call_as: z.string().nullable(),
  same_call_in: z.string().nullable(),
});

/** A step of a run, without its content. `seq` is its place in the run, from 1. */
export const step = z.object({
  seq: z.number().int().positive(),
  step_id: z.string(),
  parent_id: z.string().nullable(),
  kind: z.enum(STEP_KINDS),
  /** What it did, in the words of `gen_ai.operation.name` or of its dialect: chat, embeddings, retrieval, execute_tool, … */
  operation: z.string().nullable(),
  name: z.string(),
  start_time: apiTime,
  /** Null of a tool call that was seen in the messages only (`tool.inferred`): nobody told when it began and ended. */
  latency_ms: z.number().nullable(),
  /** Null of such a call whose result was not seen (yet): nobody told how it went, nor whether it ran. */
  status: z.enum(["ok", "error"]).nullable(),
  error: z.object({ type: z.string(), message: z.string().nullable() }).nullable(),
  /** Of the log. A step that is inferred from others has ids that are derived from theirs, and no record of its own. */
  record_id: z.string(),
  /** record_id of the record whose content shows a step that has none of its own: the model call that asked for a tool; else null. */
  shown_by: z.string().nullable(),
  conflict: z.boolean(),
  input_preview: z.string(),
  output_preview: z.string(),
  llm: stepLlm.nullable(),
  tool: stepTool.nullable(),
  ...AGENT_FACTS,
});
export type Step = z.infer<typeof step>;

export const stepList = z.object({ items: z.array(step), next_cursor: z.string().nullable() });
export type StepList = z.infer<typeof stepList>;

/**
 * A step with its content as it was recorded: messages, definitions, arguments and results are the JSON values that went over the wire, digit by digit:
 * whoever parses the answer by JSON.parse rounds integers beyond 2^53.
 * `content` says whether it can be had: `pending` until the record is in the log; `erased` on request, and `expired` when its time was over, so that
 * nobody can read it any more; `sealed` when its key is not there though no erasure is recorded.
 */
export const stepDetail = step.extend({
  /** 0: the record of the run as a whole (`roots` of the run), which stands in no list of steps. */
  seq: count,
  content: z.enum(["available", "pending", "none", "erased", "expired", "sealed"]),
  /** With `content: erased`: who had it erased, why and when, and the index of the log's entry that says so. */
  erased: z
    .object({ by: z.string(), reason: z.string().nullable(), time: z.string(), log_index: count.nullable() })
    .nullable(),
  log_index: count.nullable(),
  llm: stepLlm
    .extend({
      system_prompt: z.unknown(),
      messages: z.array(z.unknown()).nullable(),
      tool_definitions: z.array(z.unknown()).nullable(),
      response: z.array(z.unknown()).nullable(),
      parameters: z.unknown(),
      /** The response body as it came, when the SDK sent it. */
      raw_response: z.string().nullable(),
      /** The request as the instrumentation wrote it down, where it did. */
      raw_request: z.string().nullable(),
    })
    .nullable(),
  tool: stepTool.extend({ arguments: z.unknown(), result: z.unknown() }).nullable(),
  /** Of a step that is neither model call nor tool call, as a chain or a retrieval: what went into it, and what came out. */
  input: z.unknown(),
  output: z.unknown(),
  attributes: freeMembers,
  /** The span's events, and the log records of the span that are not its content, by time. */
  events: z.array(z.unknown()),
  /** The span's links to others. */
  links: z.array(z.unknown()),
  resource: freeMembers,
  scope: z.object({
    name: z.string(),
    version: z.string(),
    attributes: freeMembers.optional(),
  }),
});
export type StepDetail = z.infer<typeof stepDetail>;
