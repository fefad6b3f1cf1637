import { z } from "zod";
import { apiTime } from "./run.ts";

/** Of a reason, and of each name in a scope. */
export const MAX_REASON_CHARS = 500;
const MAX_NAME_CHARS = 512;
const name = z.string().min(1).max(MAX_NAME_CHARS);

/** What a kill stops: one run, or every run of an agent, a task type or a session, or all of the tenant. */
export const killScope = z
  .strictObject({
    run_id: name.optional(),
    agent: name.optional(),
    task_type: name.optional(),
    session: name.optional(),
    all: z.literal(true).optional(),
  })
  .refine((scope) => Object.values(scope).filter((value) => value !== undefined).length === 1, {
    message: "names exactly one of run_id, agent, task_type, session and all (true)",
  });
export type KillScope = z.infer<typeof killScope>;

/** A kill in force. Runs it reaches are stopped, and new ones refused, until it is lifted. */
export const kill = z.object({
  kill_id: z.string(),
  scope: killScope,
  reason: z.string(),
  /** The name of the key that gave it, or of the alert rule. */
  by: z.string(),
  time: apiTime,
});
export type Kill = z.infer<typeof kill>;
export const killList = z.object({ items: z.array(kill) });
export const killRequest = z.strictObject({
  scope: killScope,
  reason: z.string().trim().min(1, "say why: it goes into the log").max(MAX_REASON_CHARS),
});

/** Who a running agent is, as far as a kill asks. */
export interface KillTarget {
  runId: string;
  agent: string | null;
  taskType: string | null;
  session: string | null;
}

export function scopeReaches(scope: KillScope, target: KillTarget): boolean {
  if (scope.all === true) return true;
  if (scope.run_id !== undefined) return scope.run_id === target.runId;
  if (scope.agent !== undefined) return scope.agent === target.agent;
  if (scope.task_type !== undefined) return scope.task_type === target.taskType;
  return scope.session !== undefined && scope.session === target.session;
}

/** The longest an asker may wait, ms; and how many approvals it may ask for at once. */
export const MAX_CONTROL_WAIT_MS = 55_000;
export const MAX_CONTROL_APPROVALS = 100;

/** How a request for approval stands, for the agent that waits. */
export const approvalDecision = z.object({
  approval_id: z.string(),
  status: z.enum(["approved", "denied", "expired"]),
  by: z.string().nullable(),
  reason: z.string().nullable(),
  decided_time: apiTime.nullable(),
});
export type ApprovalDecision = z.infer<typeof approvalDecision>;

/** The answer of `GET /v1/control`: what concerns the asker, whole each time. `cursor` is sent with the next question. */
export const controlState = z.object({
  cursor: z.string(),
  kills: z.array(kill),
  approvals: z.array(approvalDecision),
});
export type ControlState = z.infer<typeof controlState>;
