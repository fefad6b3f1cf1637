import { z } from "zod";
import { STEP_KINDS } from "../record/record.ts";
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
  inferred: z.boolean(),
});

/** A step of a run, without its content. `seq` is its place in the run, from 1. */
export const step = z.object({
  seq: z.number().int().positive(),
  step_id: z.string(),
  parent_id: z.string().nullable(),
  kind: z.enum(STEP_KINDS),
  name: z.string(),
  start_time: apiTime,
  latency_ms: z.number(),
  status: z.enum(["ok", "error"]),
  error: z.object({ type: z.string(), message: z.string().nullable() }).nullable(),
  record_id: z.string(),
  conflict: z.boolean(),
  input_preview: z.string(),
  output_preview: z.string(),
  llm: stepLlm.nullable(),
  tool: stepTool.nullable(),
});
export type Step = z.infer<typeof step>;

export const stepList = z.object({ items: z.array(step), next_cursor: z.string().nullable() });
export type StepList = z.infer<typeof stepList>;

/**
 * A step with its content as it was recorded: messages, definitions, arguments and results are the JSON values that went over the wire.
 * `content` says whether it can be had: `pending` until the record is in the log.
 */
export const stepDetail = step.extend({
  content: z.enum(["available", "pending", "none"]),
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
    })
    .nullable(),
  tool: stepTool.extend({ arguments: z.unknown(), result: z.unknown() }).nullable(),
  attributes: z.record(z.string(), z.unknown()),
  events: z.array(z.unknown()),
  resource: z.record(z.string(), z.unknown()),
  scope: z.object({
    name: z.string(),
    version: z.string(),
    attributes: z.record(z.string(), z.unknown()).optional(),
  }),
});
export type StepDetail = z.infer<typeof stepDetail>;
