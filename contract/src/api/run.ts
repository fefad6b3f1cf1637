import { z } from "zod";
import { RUN_STATUSES } from "../record/record.ts";

const count = z.number().int().nonnegative();
/** RFC 3339, UTC, nanoseconds. */
export const apiTime = z.string().meta({ format: "date-time" });
/** A time one asks with: RFC 3339 with any offset. */
export const queryTime = z.iso.datetime({ offset: true });
/** Decimal USD, exact to 1e-9; null when no call has a known price. */
export const apiMoney = z.string().regex(/^\d+(\.\d{1,9})?$/);

/** A run: one execution of an agent. Unknown is null, never 0. */
export const run = z.object({
  run_id: z.string(),
  task_id: z.string().nullable(),
  task_type: z.string().nullable(),
  agent: z.object({ name: z.string().nullable(), version: z.string().nullable() }),
  session_id: z.string().nullable(),
  user_id: z.string().nullable(),
  status: z.enum(RUN_STATUSES),
  outcome: z.string().nullable(),
  /** Why it ended so, where the end record says it. */
  reason: z.string().nullable(),
  error: z.object({ type: z.string(), message: z.string().nullable() }).nullable(),
  start_time: apiTime,
  end_time: apiTime.nullable(),
  /** Until now while it runs. */
  duration_ms: z.number().nonnegative(),
  /** The last sign of life: the newest received_time. */
  last_seen_time: apiTime,
  steps: count,
  llm_calls: count,
  tool_call_count: count,
  tool_errors: count,
  /** Tool calls of which nobody told how they went: asked for in the messages, without a span, and no result was seen (yet). */
  tool_outcome_missing: count,
  guardrail_rejections: count,
  input_tokens: count.nullable(),
  output_tokens: count.nullable(),
  cache_read_tokens: count.nullable(),
  cache_write_tokens: count.nullable(),
  reasoning_tokens: count.nullable(),
  /** Model calls that succeeded and told neither input nor output tokens. */
  usage_missing: count,
  /** Those that did not tell their input tokens: input_tokens is without them. */
  input_missing: count,
  /** Those that did not tell their output tokens: output_tokens is without them. Embeddings have none, and are none of these. */
  output_missing: count,
  cost_usd: apiMoney.nullable(),
  /** Model calls that succeeded and whose model or usage has no known price: cost_usd is without them. */
  cost_missing: count,
  price_table: z.string().nullable(),
  price_version: z.string().nullable(),
  models: z.array(z.string()),
  tools: z.array(z.string()),
  dialect: z.string(),
  /**
   * All records that the run's end commits to are here; null when the run has not ended. Of a run whose end commits to nothing a list says
   * null, and the single run whether its root and every parent that a record names are here. It is about what is here, by numbers and ids: whether a record
   * is the very one that its agent sent, the chain tells, which `runledger verify` follows.
   */
  complete: z.boolean().nullable(),
  /** Records here / records the end commits to. */
  records: count,
  records_expected: count.nullable(),
  conflicts: count,
});
export type Run = z.infer<typeof run>;

const toolCall = z.object({
  step_id: z.string(),
  tool: z.string(),
  /** Null: nobody told when it began and ended, the call was seen in the messages only. */
  latency_ms: z.number().nullable(),
  /** Null: nobody told, it is one of `tool_outcome_missing`. */
  success: z.boolean().nullable(),
  attempt: count.nullable(),
  error: z.object({ type: z.string(), message: z.string().nullable() }).nullable(),
});
/** The record of a run as a whole. It is no step, and counts nowhere; its content is at `GET /v1/runs/{run_id}/steps/{step_id}`, as a step's is. */
const runRoot = z.object({
  step_id: z.string(),
  record_id: z.string(),
  name: z.string(),
  status: z.enum(["ok", "error"]),
  error: z.object({ type: z.string(), message: z.string().nullable() }).nullable(),
  /** How what it was given, and what it answered, begin. */
  input_preview: z.string(),
  output_preview: z.string(),
});
export const runDetail = run.extend({
  tool_calls: z.array(toolCall),
  /** By their beginning; several where a trace has several, the first MAX_RUN_ROOTS. None while the run goes on, and where its root is a step. */
  roots: z.array(runRoot),
  /** step_ids that records name as their parent and that are not here, at most MAX_MISSING_PARENTS; they may still come. */
  missing_parents: z.array(z.string()),
  /** The SDK numbered its records; false: of what it did not send nothing can be said. */
  numbered: z.boolean(),
  /**
   * Why it is not complete, by its records' numbers; the first MAX_RUN_GAPS. `missing`: they are not here (yet). `fork`: there are several records of this
   * number. `beyond_end`: they are here, and the end commits to fewer. `runledger verify` looks at the chain too, and tells why.
   */
  gaps: z.array(z.object({ kind: z.enum(["missing", "fork", "beyond_end"]), first: count, last: count })),
});
export const MAX_MISSING_PARENTS = 20;
export const MAX_RUN_GAPS = 20;
export const MAX_RUN_ROOTS = 20;
export type RunDetail = z.infer<typeof runDetail>;

const RUN_ORDERS = [
  "start_time",
  "-start_time",
  "cost_usd",
  "-cost_usd",
  "duration_ms",
  "-duration_ms",
  "steps",
  "-steps",
] as const;
export const listRunsQuery = z.object({
  status: z.enum(RUN_STATUSES).optional(),
  agent: z.string().optional(),
  task_type: z.string().optional(),
  session: z.string().optional(),
  user: z.string().optional(),
  model: z.string().optional(),
  tool: z.string().optional(),
  since: queryTime.optional().describe("RFC 3339; runs that started at or after"),
  until: queryTime.optional().describe("RFC 3339; runs that started before"),
  min_cost_usd: apiMoney.optional(),
  q: z.string().optional().describe("text in run id, task id, agent, names of steps and roots or previews"),
  order: z.enum(RUN_ORDERS).default("-start_time"),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional(),
});
export type ListRunsQuery = z.infer<typeof listRunsQuery>;
export const runList = z.object({ items: z.array(run), next_cursor: z.string().nullable() });
export type RunList = z.infer<typeof runList>;
