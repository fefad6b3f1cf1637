import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ApprovalRequest,
  approval,
  MAX_APPROVAL_ARGUMENTS_BYTES,
  MAX_APPROVAL_WAIT_MS,
} from "@runledger/contract";
import type { Privacy } from "../privacy/privacy.ts";
import type { ApprovalAnswer, ApprovalQuestion, Approver } from "../tools/approver.ts";
import { type ApiClient, ApiRefusal } from "./api-request.ts";
import type { Control } from "./control.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 5_000;
const MIN_WAIT_MS = 1_000;
const answerShape = approval.pick({ status: true, by: true, reason: true });

export interface RemoteApproverDependencies {
  api: ApiClient;
  control: Pick<Control, "decision">;
  random: () => number;
  onFailure: (error: unknown) => void;
  /** Runs work outside of the run that gave rise to it. */
  outside: <T>(work: () => T) => T;
  /** What of a question may leave the process. */
  privacy: Pick<Privacy, "question">;
}

/**
 * Asks people by the query API: its pages, its commands, whoever its webhook tells. The request's id is made of run and call, so an agent
 * that starts again and resumes its run finds the request it made before, and its answer. A process that waits for one stays alive.
 */
export function createRemoteApprover({
  api,
  control,
  random,
  onFailure,
  outside,
  privacy,
}: RemoteApproverDependencies): Approver {
  async function ask(request: ApprovalRequest, signal: AbortSignal): Promise<ApprovalAnswer> {
    for (let failedInRow = 0; ; failedInRow++) {
      try {
        const question = { method: "POST" as const, path: "/v1/approvals", timeoutMs: REQUEST_TIMEOUT_MS, signal };
        const { status, by, reason } = answerShape.parse(await api.ask({ ...question, body: request }));
        if (status === "pending") break;
        return { approved: status === "approved", by, reason, approvalId: request.approval_id };
      } catch (error) {
        if (signal.aborted || isFinal(error)) throw error;
        onFailure(error);
        const delayMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failedInRow) * (0.5 + random() / 2);
        await sleep(delayMs, undefined, { signal });
      }
    }
    const decided = await control.decision(request.approval_id, signal);
    if (decided === undefined) throw new Error("nobody waits for the answer any more");
    const { status, by, reason } = decided;
    return { approved: status === "approved", by, reason, approvalId: request.approval_id };
  }

  return {
    async request(asked, signal) {
      const question = { ...asked, ...privacy.question(asked) };
      const alive = setTimeout(() => undefined, question.timeoutMs);
      try {
        return await outside(() => ask(requestOf(idOf(question), question), signal));
      } finally {
        clearTimeout(alive);
      }
    },
  };
}

/** No second try makes it right: a key that may not, a request that can't be. */
function isFinal(error: unknown): boolean {
  return error instanceof ApiRefusal && error.status >= 400 && error.status < 500 && error.status !== 429;
}

function requestOf(approvalId: string, question: ApprovalQuestion): ApprovalRequest {
  const bytes = Buffer.from(question.arguments);
  const isCut = bytes.length > MAX_APPROVAL_ARGUMENTS_BYTES;
  // Without the half character that a cut may leave.
  const cut = () => new TextDecoder().decode(bytes.subarray(0, MAX_APPROVAL_ARGUMENTS_BYTES), { stream: true });
  return {
    approval_id: approvalId,
    run_id: question.runId ?? "none",
    agent: question.agent ?? null,
    tool: question.tool,
    call_id: question.callId ?? null,
    question: question.question.slice(0, 1_000),
    arguments: isCut ? cut() : question.arguments,
    arguments_cut: isCut,
    timeout_ms: Math.min(Math.max(Math.round(question.timeoutMs), MIN_WAIT_MS), MAX_APPROVAL_WAIT_MS),
  };
}

/** Outside of a run nothing can be found again, and must not be taken for somebody else's. */
function idOf({ runId, tool, place, arguments: args }: ApprovalQuestion): string {
  if (runId === undefined || place === undefined) return randomUUID().replaceAll("-", "");
  return createHash("sha256")
    .update(JSON.stringify([runId, tool, place, args]))
    .digest("hex")
    .slice(0, 32);
}
