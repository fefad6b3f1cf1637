import { createHash } from "node:crypto";
import {
  type Approval,
  type ApprovalDecision,
  approval,
  type approvalRequest,
  rfc3339FromUnixNano,
  statePath,
} from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";
import { newestOfEach, whyFull } from "../state/tenant-share.ts";

/** Of a tenant. Past it an agent is told to come again, and so waits. */
const MAX_PENDING = 1_000;
/** Decided ones are kept so long and so many of a tenant, the newest: for the page, and for an agent that was away when the answer came. */
const MAX_DECIDED = 1_000;
const DECIDED_MAX_AGE_MS = 7 * 24 * 3_600_000;
const NS_PER_MS = 1_000_000n;

const keptApproval = approval.extend({
  tenant: z.string(),
  /** The object with the arguments; null: none were given. */
  arguments_path: z.string().nullable(),
  arguments_cut: z.boolean(),
  /** The data key they are sealed under; null: in the clear, or none. */
  arguments_key_id: z.string().nullable().default(null),
  /** Whether somebody was told; null: nobody is to be. */
  delivery: z
    .object({
      delivery_id: z.string(),
      status: z.enum(["retrying", "delivered", "failed"]),
      attempts: z.number().int(),
      next_attempt_ms: z.number(),
      error: z.string().nullable(),
    })
    .nullable(),
});
/** `status` as it was written: what has expired is still `pending` here, see `approvalAt`. */
export type KeptApproval = z.infer<typeof keptApproval>;
const approvalState = z.object({ version: z.number().int(), approvals: z.array(keptApproval) });
export type ApprovalState = z.infer<typeof approvalState>;

export function createApprovalDocument(objects: Objects): StateDocument<ApprovalState> {
  return createStateDocument(objects, statePath("approvals"), approvalState, { version: 0, approvals: [] });
}

/** What lies below it are arguments, and nothing else. */
export const APPROVAL_ARGUMENTS_PREFIX = "state/approval-arguments/";

/** Where the arguments of a request lie, apart: they are content, and the document is read all the time. */
export function argumentsPath(tenant: string, approvalId: string): string {
  const owner = createHash("sha256").update(tenant).digest("hex").slice(0, 16);
  return statePath(`approval-arguments/${owner}-${approvalId}`);
}

export interface NewApproval {
  tenant: string;
  request: z.output<typeof approvalRequest>;
  argumentsPath: string | null;
  argumentsKeyId: string | null;
  argumentsCut: boolean;
  /** Somebody is to be told. */
  announced: boolean;
  nowMs: number;
}

/** The state with the request in it; a request that is there already is the same one, whatever became of it. @throws QueryApiError. */
export function withApproval(
  state: ApprovalState,
  asked: NewApproval,
): { state: ApprovalState; approval: KeptApproval; dropped: KeptApproval[] } {
  const { tenant, request, nowMs } = asked;
  const known = state.approvals.find((one) => one.tenant === tenant && one.approval_id === request.approval_id);
  if (known !== undefined) {
    if (known.run_id === request.run_id && known.tool === request.tool) return { state, approval: known, dropped: [] };
    throw new QueryApiError("conflict", "another run or tool has asked with this approval_id", {
      hint: "make the id of the run, the tool and the call",
    });
  }
  const { kept, dropped } = apartFromOld(state.approvals, nowMs);
  const pending = kept.filter((one) => isPending(one, nowMs));
  const full = whyFull(pending, tenant, MAX_PENDING, "requests wait for an answer");
  if (full !== null) throw new QueryApiError("unavailable", full);
  const { approval_id, run_id, agent, task_type, tool, call_id, question } = request;
  const added: KeptApproval = {
    ...{ approval_id, run_id, agent, task_type, tool, call_id, question },
    status: "pending",
    requested_time: timeOf(nowMs),
    expires_time: timeOf(nowMs + request.timeout_ms),
    decided_time: null,
    by: null,
    reason: null,
    tenant,
    arguments_path: asked.argumentsPath,
    arguments_cut: asked.argumentsCut,
    arguments_key_id: asked.argumentsKeyId,
    delivery: asked.announced
      ? { delivery_id: `${approval_id}.${nowMs}`, status: "retrying", attempts: 0, next_attempt_ms: nowMs, error: null }
      : null,
  };
  return { state: { version: state.version + 1, approvals: [...kept, added] }, approval: added, dropped };
}

export interface Decision {
  status: "approved" | "denied";
  by: string;
  reason: string | null;
  nowMs: number;
}

/** The state with a request decided. @throws QueryApiError: `not_found`, `conflict` when it is decided or expired. */
export function withDecision(state: ApprovalState, tenant: string, id: string, decision: Decision): ApprovalState {
  const { status, by, reason, nowMs } = decision;
  requirePending(findApproval(state, tenant, id), nowMs);
  return withEach(state, (one) =>
    one.tenant === tenant && one.approval_id === id ? { ...one, status, by, reason, decided_time: timeOf(nowMs) } : one,
  );
}

/** @throws QueryApiError `not_found`. */
export function findApproval(state: ApprovalState, tenant: string, id: string): KeptApproval {
  const found = state.approvals.find((one) => one.tenant === tenant && one.approval_id === id);
  if (found) return found;
  throw new QueryApiError("not_found", `no request for approval has the id ${id}`, {
    hint: "GET /v1/approvals lists them",
  });
}

/** @throws QueryApiError `conflict`. */
export function requirePending(one: KeptApproval, nowMs: number): void {
  const { status, by, expires_time } = approvalAt(one, nowMs);
  if (status === "pending") return;
  const message = status === "expired" ? `the request expired at ${expires_time}` : `${by} has ${status} it already`;
  throw new QueryApiError("conflict", message, { hint: "an answer is final; the agent has to ask again" });
}

/** As anybody may see it at a moment of our clock. */
export function approvalAt(one: KeptApproval, nowMs: number): Approval {
  const shown = approval.parse(one);
  return one.status === "pending" && !isPending(one, nowMs)
    ? { ...shown, status: "expired", decided_time: one.expires_time, reason: "nobody answered in time" }
    : shown;
}

/** What the agent that waits is told; null: nothing yet. */
export function decisionAt(one: KeptApproval, nowMs: number): ApprovalDecision | null {
  const { approval_id, status, by, reason, decided_time } = approvalAt(one, nowMs);
  return status === "pending" ? null : { approval_id, status, by, reason, decided_time };
}

/** The state with each request as `change` makes it; the very same state when nothing changed. */
export function withEach(state: ApprovalState, change: (one: KeptApproval) => KeptApproval): ApprovalState {
  const approvals = state.approvals.map(change);
  const isSame = approvals.every((one, i) => one === state.approvals[i]);
  return isSame ? state : { version: state.version + 1, approvals };
}

export function isPending(one: KeptApproval, nowMs: number): boolean {
  return one.status === "pending" && Date.parse(one.expires_time) > nowMs;
}

/** The state without those that are kept long enough; the very same state when there are none. */
export function withoutOld(state: ApprovalState, nowMs: number): ApprovalState {
  const { kept, dropped } = apartFromOld(state.approvals, nowMs);
  return dropped.length === 0 ? state : { version: state.version + 1, approvals: kept };
}

/** What is erased with the contents of runs: what was asked, with which arguments, and why it was answered so, up to a moment. */
export interface ErasedWords {
  tenant: string;
  runIds: ReadonlySet<string>;
  /** Epoch ms; infinite: all that is there. */
  untilMs: number;
}

export function hasErasedWords(one: KeptApproval, erased: ErasedWords): boolean {
  return withoutWordsOf(one, erased) !== one;
}

/** The state without them; the very same state when there are none. Who waits for an answer goes on to wait, and who has it keeps it. */
export function withoutWords(state: ApprovalState, erased: ErasedWords): ApprovalState {
  return withEach(state, (one) => withoutWordsOf(one, erased));
}

function withoutWordsOf(one: KeptApproval, { tenant, runIds, untilMs }: ErasedWords): KeptApproval {
  if (one.tenant !== tenant || !runIds.has(one.run_id)) return one;
  const until = (time: string | null) => time !== null && Date.parse(time) <= untilMs;
  const isAsked = until(one.requested_time) && (one.question !== null || one.arguments_path !== null);
  const isAnswered = until(one.decided_time) && one.reason !== null;
  if (!isAsked && !isAnswered) return one;
  return {
    ...one,
    ...(isAsked && { question: null, arguments_path: null, arguments_key_id: null }),
    ...(isAnswered && { reason: null }),
  };
}

function apartFromOld(all: readonly KeptApproval[], nowMs: number) {
  const decided = all.filter((one) => !isPending(one, nowMs)).sort((a, b) => (endOf(a) < endOf(b) ? 1 : -1));
  const newest = newestOfEach(decided, MAX_DECIDED);
  const dropped = decided.filter((one) => !newest.has(one) || Date.parse(endOf(one)) < nowMs - DECIDED_MAX_AGE_MS);
  return { kept: all.filter((one) => !dropped.includes(one)), dropped };
}

function endOf(one: KeptApproval): string {
  return one.decided_time ?? one.expires_time;
}

function timeOf(epochMs: number): string {
  return rfc3339FromUnixNano(BigInt(epochMs) * NS_PER_MS);
}
