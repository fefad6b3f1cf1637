import { z } from "zod";
import { MAX_REASON_CHARS } from "./control.ts";
import { apiTime } from "./run.ts";

/** UTF-8 bytes of the JSON text of the arguments; longer ones are cut, and said to be. */
export const MAX_APPROVAL_ARGUMENTS_BYTES = 16_384;
export const MAX_APPROVAL_WAIT_MS = 7 * 24 * 3_600_000;
export const APPROVAL_STATUSES = ["pending", "approved", "denied", "expired"] as const;

const text = z.string().max(512);
const requestId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, "32 hex digits, made of the run and the call, so that a restarted agent finds its request");

/** What an agent asks a person for, before it does what can't be undone. */
export const approvalRequest = z.strictObject({
  approval_id: requestId,
  run_id: text.min(1),
  agent: text.nullable().default(null),
  task_type: text.nullable().default(null),
  tool: text.min(1),
  call_id: text.nullable().default(null),
  /** What is asked, for a person. */
  question: z.string().max(1_000).nullable().default(null),
  /** JSON text: content, shown only to those who may see content. */
  arguments: z.string().nullable().default(null),
  /** They are longer than what is sent. */
  arguments_cut: z.boolean().default(false),
  /** From the first request on; who has not answered by then has said no. */
  timeout_ms: z.number().int().min(1_000).max(MAX_APPROVAL_WAIT_MS),
});
export type ApprovalRequest = z.input<typeof approvalRequest>;

export const approval = z.object({
  approval_id: z.string(),
  run_id: z.string(),
  agent: z.string().nullable(),
  task_type: z.string().nullable(),
  tool: z.string(),
  call_id: z.string().nullable(),
  question: z.string().nullable(),
  status: z.enum(APPROVAL_STATUSES),
  requested_time: apiTime,
  expires_time: apiTime,
  decided_time: apiTime.nullable(),
  by: z.string().nullable(),
  reason: z.string().nullable(),
});
export type Approval = z.infer<typeof approval>;
export const approvalList = z.object({ items: z.array(approval) });

export const approvalDetail = approval.extend({
  /** JSON text; null where none were given, none are kept any more, or the asker may not see content. */
  arguments: z.string().nullable(),
  arguments_cut: z.boolean(),
  /** The asker may not see content. */
  arguments_withheld: z.boolean(),
});
export type ApprovalDetail = z.infer<typeof approvalDetail>;

export const approvalAnswer = z.strictObject({ reason: z.string().trim().min(1).max(MAX_REASON_CHARS).optional() });
