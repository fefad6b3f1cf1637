import {
  type Approval,
  type ApprovalDetail,
  type approvalRequest,
  MAX_APPROVAL_ARGUMENTS_BYTES,
  type Principal,
} from "@runledger/contract";
import type { WatchedDocument } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import type { z } from "zod";
import type { ActRecorder } from "../acts/act-recorder.ts";
import { createContentReads } from "../acts/content-reads.ts";
import type { ApprovalArguments } from "./approval-arguments.ts";
import {
  type ApprovalState,
  approvalAt,
  findApproval,
  type KeptApproval,
  requirePending,
  withApproval,
  withDecision,
} from "./approval-book.ts";

export interface Approvals {
  /** Durable when it resolves; a request that is there already is answered as it stands. */
  request(tenant: string, request: z.output<typeof approvalRequest>): Promise<{ approval: Approval; isNew: boolean }>;
  /** The newest first. */
  list(principal: Principal, status: Approval["status"] | undefined): Promise<Approval[]>;
  /** With its arguments for those who may see content, which is recorded first. @throws QueryApiError `not_found`. */
  detail(approvalId: string, principal: Principal): Promise<ApprovalDetail>;
  /** Recorded first, then in force. @throws QueryApiError `not_found`, `conflict` when it is decided or expired. */
  decide(approvalId: string, answer: Answer): Promise<Approval>;
}

export interface Answer {
  status: "approved" | "denied";
  reason: string | null;
  principal: Principal;
}

export interface ApprovalDependencies {
  approvals: WatchedDocument<ApprovalState>;
  contents: ApprovalArguments;
  acts: ActRecorder;
  clock: () => number;
  logger: FastifyBaseLogger;
}

/** @param settings `announced`: somebody is to be told of each new request. */
export function createApprovals(dependencies: ApprovalDependencies, settings: { announced: boolean }): Approvals {
  const { approvals, contents, acts, clock, logger } = dependencies;
  const reads = createContentReads(acts, clock);

  return {
    async request(tenant, request) {
      const text = request.arguments === null ? null : cutText(request.arguments);
      const known = (await approvals.read()).approvals.some(
        (one) => one.tenant === tenant && one.approval_id === request.approval_id,
      );
      // Before the request that names it; one that is left over is overwritten when the agent asks again.
      const kept = text === null || known ? null : await contents.keep(tenant, request, text.shown);
      let result: ReturnType<typeof withApproval> | undefined;
      const asked = {
        ...{ tenant, request, nowMs: clock(), argumentsPath: kept?.path ?? null },
        ...{ argumentsCut: request.arguments_cut || (text?.isCut ?? false), announced: settings.announced },
        argumentsKeyId: kept?.keyId ?? null,
      };
      let isNew = false;
      await approvals.update((before) => {
        result = withApproval(before, asked);
        isNew = result.state !== before;
        return result.state;
      });
      if (result === undefined) throw new Error("a state document was updated without asking for the change");
      await forget(result.dropped);
      return { approval: approvalAt(result.approval, clock()), isNew };
    },
    async list(principal, status) {
      const nowMs = clock();
      return (await approvals.read()).approvals
        .filter((one) => one.tenant === principal.tenant)
        .map((one) => seenBy(principal, approvalAt(one, nowMs)))
        .filter((one) => status === undefined || one.status === status)
        .sort((a, b) => (a.requested_time < b.requested_time ? 1 : -1));
    },
    async detail(approvalId, principal) {
      const found = findApproval(await approvals.read(), principal.tenant, approvalId);
      const shown = seenBy(principal, approvalAt(found, clock()));
      const about = { arguments_cut: found.arguments_cut, arguments_withheld: false };
      if (found.arguments_path === null) return { ...shown, ...about, arguments: null };
      if (!principal.roles.has("investigator")) {
        return { ...shown, ...about, arguments: null, arguments_withheld: true };
      }
      const target = { approval_id: approvalId, run_id: found.run_id, tool: found.tool };
      await reads.record({ principal, reason: null, target });
      return { ...shown, ...about, arguments: await contents.read(found) };
    },
    async decide(approvalId, { status, reason, principal }) {
      const { tenant } = principal;
      const found = findApproval(await approvals.read(), tenant, approvalId);
      requirePending(found, clock());
      const target = { approval_id: approvalId, run_id: found.run_id, tool: found.tool, call_id: found.call_id };
      const action = status === "approved" ? "approval.approve" : "approval.deny";
      await acts.record({ action, principal, reason, target });
      // Who answers at the same moment is on record too; the agent hears the one that comes first.
      const decision = { status, reason, by: principal.name, nowMs: clock() };
      const state = await approvals.update((before) => withDecision(before, tenant, approvalId, decision));
      return approvalAt(findApproval(state, tenant, approvalId), clock());
    },
  };

  /** Their arguments go with them. A crash in between leaves an object that nothing names, which is swept. */
  async function forget(dropped: readonly KeptApproval[]): Promise<void> {
    for (const one of dropped)
      await contents.forget(one).catch((error) => logger.warn({ err: error }, "old arguments not removed"));
  }
}

/** Its question may quote contents: it is for those who answer it, and those who may see them. */
function seenBy({ roles }: Principal, shown: Approval): Approval {
  return roles.has("operator") || roles.has("investigator") ? shown : { ...shown, question: null };
}

/** Cut where no character is. */
function cutText(text: string): { shown: string; isCut: boolean } {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_APPROVAL_ARGUMENTS_BYTES) return { shown: text, isCut: false };
  let end = MAX_APPROVAL_ARGUMENTS_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return { shown: bytes.subarray(0, end).toString("utf8"), isCut: true };
}
