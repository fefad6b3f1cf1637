import { z } from "zod";
import { apiMoney, apiTime, queryTime } from "./run.ts";

export const USAGE_GROUPS = ["agent", "task_type", "model", "tool", "user", "hour", "day"] as const;
const rate = z.number().min(0).max(1).nullable();
const count = z.number().int().nonnegative();

/** A row of usage; `group` holds the value of each asked dimension. Rates are null when nothing was counted. */
export const usageRow = z.object({
  group: z.record(z.string(), z.string().nullable()),
  runs: count,
  success_rate: rate,
  steps: count,
  steps_mean: z.number().nullable(),
  steps_p50: z.number().nullable(),
  steps_p95: z.number().nullable(),
  /** Of runs that ended; grouped by model or tool, of the calls that were seen to begin and end. */
  latency_p95_ms: z.number().nullable(),
  llm_calls: count,
  tool_calls: count,
  /** As of a run. */
  tool_outcome_missing: count,
  input_tokens: count.nullable(),
  output_tokens: count.nullable(),
  cache_read_tokens: count.nullable(),
  cache_write_tokens: count.nullable(),
  reasoning_tokens: count.nullable(),
  /** As of a run. */
  usage_missing: count,
  input_missing: count,
  output_missing: count,
  cost_usd: apiMoney.nullable(),
  cost_missing: count,
  /** Of the tool calls that are told how they went: without `tool_outcome_missing`. */
  tool_success_rate: rate,
  guardrail_rejection_rate: rate,
});
export type UsageRow = z.infer<typeof usageRow>;

export const usageQuery = z.object({
  group_by: z
    .string()
    .default("")
    .describe(`comma-separated, of ${USAGE_GROUPS.join(", ")}`),
  since: queryTime.optional(),
  until: queryTime.optional(),
});
export const usage = z.object({ since: apiTime, until: apiTime, items: z.array(usageRow) });
export type Usage = z.infer<typeof usage>;
