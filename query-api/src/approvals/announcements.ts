import type { WatchedDocument } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import type { ContentReads } from "../acts/content-reads.ts";
import { backoffMs } from "../alerts/deliveries.ts";
import { sendWebhook } from "../alerts/webhook.ts";
import type { QueryApiSettings } from "../config.ts";
import { type ApprovalState, approvalAt, isPending, type KeptApproval, withEach } from "./approval-book.ts";

const MAX_AT_ONCE = 8;

export interface AnnouncementDependencies {
  approvals: WatchedDocument<ApprovalState>;
  reads: ContentReads;
  clock: () => number;
  random: () => number;
  logger: FastifyBaseLogger;
}

/**
 * Tells the webhook of requests that wait, as `approval.requested` and without arguments. Each attempt is written down; a crash between
 * sending and writing sends it twice, under the same id. Who has answered already is not told any more.
 */
export async function announceDue(
  { approvals, reads, clock, random, logger }: AnnouncementDependencies,
  settings: QueryApiSettings,
): Promise<void> {
  const { alertWebhookUrl: url, alertWebhookSecret: secret } = settings;
  if (url === null || secret === null) return;
  const due = (await approvals.read()).approvals.filter((one) => isDue(one, clock())).slice(0, MAX_AT_ONCE);
  if (due.length === 0) return;
  const attempts = await Promise.all(
    due.map(async (one) => {
      const id = one.delivery?.delivery_id ?? one.approval_id;
      const data = { ...approvalAt(one, clock()), question: (await isReadRecorded(one)) ? one.question : null };
      const message = { id, type: "approval.requested", time: one.requested_time, data, nowMs: clock() };
      const error = await sendWebhook({ url, secret, timeoutMs: settings.alertWebhookTimeoutMs }, message);
      if (error !== null) logger.warn({ error, approval_id: one.approval_id }, "request for approval not delivered");
      return [id, error] as const;
    }),
  );
  const results = new Map(attempts);
  await approvals.update((state) =>
    withEach(state, (one) => {
      const error = results.get(one.delivery?.delivery_id ?? "");
      return error === undefined || one.delivery === null
        ? one
        : { ...one, delivery: afterAttempt(one.delivery, error) };
    }),
  );

  /** What is told is out of our hands: a read of the webhook's. */
  async function isReadRecorded({ tenant, approval_id, run_id, tool, question }: KeptApproval): Promise<boolean> {
    if (question === null) return true;
    const principal = { keyId: null, name: "webhook", roles: new Set<never>(), tenant, everyTenant: false };
    const target = { approval_id, run_id, tool, part: "questions" };
    return await reads.recordSoon({ principal, reason: "somebody is to answer", target });
  }

  function afterAttempt(delivery: NonNullable<KeptApproval["delivery"]>, error: string | null) {
    const attempts = delivery.attempts + 1;
    const done = { ...delivery, attempts, error };
    if (error === null) return { ...done, status: "delivered" as const };
    if (attempts >= settings.alertWebhookAttempts) return { ...done, status: "failed" as const };
    return { ...done, next_attempt_ms: clock() + backoffMs(attempts, settings, random()) };
  }
}

function isDue(one: KeptApproval, nowMs: number): boolean {
  return isPending(one, nowMs) && one.delivery?.status === "retrying" && one.delivery.next_attempt_ms <= nowMs;
}
