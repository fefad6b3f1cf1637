import { z } from "zod";
import { apiMoney, apiTime } from "./run.ts";

export const ALERT_RULES = [
  "loop.repeat",
  "limit.steps",
  "limit.tokens",
  "limit.cost",
  "limit.time",
  "tool.failure_rate",
  "guardrail.rejections",
  "tool.unknown",
  "tool.invalid_arguments",
  "loop.cycle",
  "loop.no_progress",
  "loop.errors",
  "side_effect.unapproved",
  "side_effect.duplicate",
  "retry.cascade",
  "fanout",
] as const;

/** What is done when an alert fires, beside telling of it. */
export const ALERT_ACTIONS = ["none", "kill"] as const;

/** A rule as it is in force: built in, with the threshold one can set. */
export const alertRule = z.object({
  rule: z.enum(ALERT_RULES),
  description: z.string(),
  enabled: z.boolean(),
  threshold: z.number().positive(),
  /** What the threshold counts: calls, steps, tokens, usd, seconds. */
  unit: z.string(),
  /** `kill`: the run is killed, with the alert as the reason. */
  action: z.enum(ALERT_ACTIONS),
});
export type AlertRule = z.infer<typeof alertRule>;
export const alertRuleChange = z.object({
  rule: z.enum(ALERT_RULES),
  enabled: z.boolean().optional(),
  threshold: z.number().positive().optional(),
  action: z.enum(ALERT_ACTIONS).optional(),
});

export const ALERT_STATES = ["firing", "acknowledged", "resolved", "silenced"] as const;
/** An alert names the run, the steps that show it, and what it has burnt. */
export const alert = z.object({
  alert_id: z.string(),
  rule: z.enum(ALERT_RULES),
  state: z.enum(ALERT_STATES),
  run_id: z.string(),
  agent: z.string().nullable(),
  summary: z.string(),
  step_ids: z.array(z.string()),
  value: z.number(),
  threshold: z.number(),
  cost_usd: apiMoney.nullable(),
  cost_per_minute_usd: apiMoney.nullable(),
  tokens: z.number().int().nullable(),
  started_time: apiTime,
  fired_time: apiTime,
  resolved_time: apiTime.nullable(),
  silenced_until: apiTime.nullable(),
  /** What the rule's action did when it fired; null: it has none, or the run had ended. */
  action_taken: z
    .object({ action: z.literal("kill"), kill_id: z.string().nullable(), time: apiTime, error: z.string().nullable() })
    .nullable()
    .default(null),
  deliveries: z.array(
    z.object({
      channel: z.string(),
      time: apiTime,
      status: z.enum(["delivered", "retrying", "failed"]),
      attempts: z.number().int(),
      error: z.string().nullable(),
    }),
  ),
});
export type Alert = z.infer<typeof alert>;
export const alertList = z.object({ items: z.array(alert), next_cursor: z.string().nullable() });
