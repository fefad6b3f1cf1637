import {
  type Approval,
  type ApprovalDetail,
  type approvalRequest,
  MAX_APPROVAL_ARGUMENTS_BYTES,
} from "@runledger/contract";
import type { WatchedDocument } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import type { z } from "zod";
import type { Act, ActRecorder } from "../acts/act-recorder.ts";
import { createContentReads } from "../acts/content-reads.ts";
import { QueryApiError } from "../error.ts";
import { seesContent } from "../http/access.ts";
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
  /** The newest first; with what they ask, if that is wanted, for those who may see it, which is recorded first. */
  list(
    reader: Reader,
    question: { status: Approval["status"] | undefined; withQuestions: boolean },
  ): Promise<Approval[]>;
  /** With its arguments for those who may see content, which is recorded first. @throws QueryApiError `not_found`. */
  detail(approvalId: string, reader: Reader): Promise<ApprovalDetail>;
  /** Recorded first, then in force. @throws QueryApiError `not_found`, `conflict` when it is decided or expired. */
  decide(approvalId: string, answer: Answer): Promise<Approval>;
}

/** Who looks, and why. */
export type Reader = Pick<Act, "principal" | "reason">;

export interface Answer extends Reader {
  status: "approved" | "denied";
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
      // Before the request that names it; one that a crash leaves over is swept.
      const kept = text === null || known ? null : await contents.keep(tenant, request, text.shown);
      let result: ReturnType<typeof withApproval> | undefined;
      const asked = {
        ...{ tenant, request, nowMs: clock(), argumentsPath: kept?.path ?? null },
        ...{ argumentsCut: request.arguments_cut || (text?.isCut ?? false), announced: settings.announced },
        argumentsKeyId: kept?.keyId ?? null,
      };
      let isNew = false;
      try {
        await approvals.update((before) => {
          result = withApproval(before, asked);
          isNew = result.state !== before;
          return result.state;
        });
      } catch (error) {
        // Refused: nothing names them. A write that failed may have happened.
        if (kept !== null && error instanceof QueryApiError) await forget([{ arguments_path: kept.path }]);
        throw error;
      }
      if (result === undefined) throw new Error("a state document was updated without asking for the change");
      await forget(result.dropped);
      if (kept !== null && result.approval.arguments_path !== kept.path) await forget([{ arguments_path: kept.path }]);
      // Its own words: what another has asked under this id may quote contents.
      return { approval: { ...approvalAt(result.approval, clock()), question: request.question }, isNew };
    },
    async list(reader, { status, withQuestions }) {
      const nowMs = clock();
      const found = (await approvals.read()).approvals
        .filter((one) => one.tenant === reader.principal.tenant)
        .map((one) => approvalAt(one, nowMs))
        .filter((one) => status === undefined || one.status === status)
        .sort((a, b) => (a.requested_time < b.requested_time ? 1 : -1));
      if (found.every(({ question }) => question === null)) return found;
      return withQuestions && (await seesQuestions(reader, {})) ? found : found.map(withoutQuestion);
    },
    async detail(approvalId, reader) {
      const found = findApproval(await approvals.read(), reader.principal.tenant, approvalId);
      const shown = approvalAt(found, clock());
      const { arguments_cut } = found;
      const target = { approval_id: approvalId, run_id: found.run_id, tool: found.tool };
      if (found.arguments_path !== null && seesContent(reader.principal)) {
        await reads.record({ ...reader, target });
        return { ...shown, arguments_cut, arguments_withheld: false, arguments: await contents.read(found) };
      }
      const isShown = shown.question === null || (await seesQuestions(reader, target));
      const withheld = { arguments: null, arguments_cut, arguments_withheld: found.arguments_path !== null };
      return { ...(isShown ? shown : withoutQuestion(shown)), ...withheld };
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

  /** A question may quote contents: it is for those who answer it, and those who may see them. Each look is recorded. */
  async function seesQuestions({ principal, reason }: Reader, target: Act["target"]): Promise<boolean> {
    const { roles } = principal;
    if (!roles.has("operator") && !roles.has("investigator")) return false;
    return await reads.recordSoon({ principal, reason, target: { ...target, part: "questions" } });
  }

  /** Their arguments go with them. A crash in between leaves an object that nothing names, which is swept. */
  async function forget(dropped: readonly Pick<KeptApproval, "arguments_path">[]): Promise<void> {
    for (const one of dropped)
      await contents.forget(one).catch((error) => logger.warn({ err: error }, "old arguments not removed"));
  }
}

function withoutQuestion(shown: Approval): Approval {
  return { ...shown, question: null };
}

/** Cut where no character is. */
function cutText(text: string): { shown: string; isCut: boolean } {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_APPROVAL_ARGUMENTS_BYTES) return { shown: text, isCut: false };
  let end = MAX_APPROVAL_ARGUMENTS_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return { shown: bytes.subarray(0, end).toString("utf8"), isCut: true };
}
