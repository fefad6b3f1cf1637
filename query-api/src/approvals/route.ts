import {
  APPROVAL_STATUSES,
  approval,
  approvalAnswer,
  approvalDetail,
  approvalList,
  approvalRequest,
} from "@runledger/contract";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { createContentReads } from "../acts/content-reads.ts";
import { reasonOf } from "../acts/reason.ts";
import type { ControlState } from "../control/control-state.ts";
import type { Feature } from "../dependencies.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { repeat } from "../state/repeat.ts";
import { announceDue } from "./announcements.ts";
import { type ApprovalArguments, createApprovalArguments } from "./approval-arguments.ts";
import { withoutOld } from "./approval-book.ts";
import { type Answer, createApprovals, type Reader } from "./approvals.ts";

const tags = ["approvals"];
const ANNOUNCE_EVERY_MS = 500;
const SWEEP_EVERY_MS = 600_000;
const parameters = z.strictObject({ approval_id: z.string().max(64) });

/** What agents ask of people before they do what can't be undone, and the answers. */
export function registerApprovals(feature: Feature, state: ControlState): void {
  const { app, dependencies, settings } = feature;
  announceWhatWaits(feature, state);
  const contents = createApprovalArguments(dependencies.objects, dependencies.keyring, dependencies.clock);
  sweepArguments(feature, state, contents);
  const approvals = createApprovals(
    { ...dependencies, ...state, contents },
    { announced: settings.alertWebhookUrl !== null },
  );
  app.post(
    "/v1/approvals",
    {
      config: { role: "ingest" },
      schema: {
        tags,
        summary: "For agents: asks a person; asked again with the same id, it is the same request",
        body: approvalRequest,
        response: { 200: approval.describe("asked before"), 201: approval, ...ERROR_RESPONSES },
      },
    },
    async ({ body, principal }, reply) => {
      const { approval: asked, isNew } = await approvals.request(principal.tenant, body);
      return await reply.status(isNew ? 201 : 200).send(asked);
    },
  );
  app.get(
    "/v1/approvals",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary:
          "Requests for approval, the newest first, without their arguments; questions only for operators and those who may see content, which is recorded",
        querystring: z.strictObject({
          status: z.enum(APPROVAL_STATUSES).optional(),
          questions: z
            .enum(["true", "false"])
            .default("true")
            .describe("false: without them, which is no read of content"),
        }),
        response: { 200: approvalList, ...ERROR_RESPONSES },
      },
    },
    async (request) => {
      const { status, questions } = request.query;
      return { items: await approvals.list(readerOf(request), { status, withQuestions: questions === "true" }) };
    },
  );
  app.get(
    "/v1/approvals/:approval_id",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary:
          "A request; its arguments only for those who may see content, its question for operators too, which is recorded",
        params: parameters,
        response: { 200: approvalDetail, ...ERROR_RESPONSES },
      },
    },
    async (request) => await approvals.detail(request.params.approval_id, readerOf(request)),
  );
  registerAnswer("approve", "approved", "Lets the call go on");
  registerAnswer("deny", "denied", "Refuses the call; the agent is told why");

  function registerAnswer(word: string, status: Answer["status"], summary: string): void {
    app.post(
      `/v1/approvals/:approval_id/${word}`,
      {
        config: { role: "operator" },
        schema: {
          ...{ tags, summary, params: parameters },
          body: approvalAnswer.nullish(),
          response: { 200: approval, ...ERROR_RESPONSES },
        },
      },
      async (request) => {
        const { params, body } = request;
        return await approvals.decide(params.approval_id, { status, ...readerOf(request, body?.reason) });
      },
    );
  }
}

function readerOf(request: FastifyRequest, given?: string): Reader {
  return { principal: request.principal, reason: reasonOf(request, given) };
}

/** One of several APIs tells whom it concerns. */
function announceWhatWaits(feature: Feature, state: ControlState): void {
  const { dependencies, settings } = feature;
  if (settings.alertWebhookUrl === null) return;
  const reads = createContentReads(dependencies.acts, dependencies.clock);
  const work = () => announceDue({ ...dependencies, ...state, reads }, settings);
  whileListening(feature, state, { work, everyMs: ANNOUNCE_EVERY_MS, failed: "approvals: telling failed" });
}

/** Old requests go where nobody asks anew, too. */
function sweepArguments(feature: Feature, state: ControlState, contents: ApprovalArguments): void {
  const { clock } = feature.dependencies;
  const work = async () => {
    const { approvals } = await state.approvals.update((before) => withoutOld(before, clock()));
    const removed = await contents.sweep(approvals);
    if (removed > 0)
      feature.dependencies.logger.info({ removed }, "approvals: arguments that no request names are gone");
  };
  whileListening(feature, state, { work, everyMs: SWEEP_EVERY_MS, failed: "approvals: sweeping failed" });
}

function whileListening(
  { app, dependencies: { logger } }: Feature,
  { lease }: ControlState,
  { work, everyMs, failed }: { work: () => Promise<void>; everyMs: number; failed: string },
): void {
  let repeated: { stop(): Promise<void> } | undefined;
  const ifOurs = async () => {
    if (await lease.hold()) await work();
  };
  app.addHook("onListen", async () => {
    repeated = repeat(everyMs, ifOurs, (error) => logger.warn({ err: error }, failed));
  });
  app.addHook("onClose", async () => await repeated?.stop());
}
