import {
  APPROVAL_STATUSES,
  approval,
  approvalAnswer,
  approvalDetail,
  approvalList,
  approvalRequest,
} from "@runledger/contract";
import { z } from "zod";
import type { ControlState } from "../control/control-state.ts";
import type { Feature } from "../dependencies.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { repeat } from "../state/repeat.ts";
import { announceDue } from "./announcements.ts";
import { type Answer, createApprovals } from "./approvals.ts";

const tags = ["approvals"];
const ANNOUNCE_EVERY_MS = 500;
const parameters = z.strictObject({ approval_id: z.string().max(64) });

/** What agents ask of people before they do what can't be undone, and the answers. */
export function registerApprovals(feature: Feature, state: ControlState): void {
  const { app, dependencies, settings } = feature;
  announceWhatWaits(feature, state);
  const approvals = createApprovals({ ...dependencies, ...state }, { announced: settings.alertWebhookUrl !== null });
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
        summary: "Requests for approval, the newest first, without their arguments",
        querystring: z.strictObject({ status: z.enum(APPROVAL_STATUSES).optional() }),
        response: { 200: approvalList, ...ERROR_RESPONSES },
      },
    },
    async ({ query, principal }) => ({ items: await approvals.list(principal.tenant, query.status) }),
  );
  app.get(
    "/v1/approvals/:approval_id",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary: "A request; its arguments only for those who may see content, which is recorded",
        params: parameters,
        response: { 200: approvalDetail, ...ERROR_RESPONSES },
      },
    },
    async ({ params, principal }) => await approvals.detail(params.approval_id, principal),
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
      async ({ params, body, principal }) =>
        await approvals.decide(params.approval_id, { status, reason: body?.reason ?? null, principal }),
    );
  }
}

/** While the server listens; one of several APIs does it. */
function announceWhatWaits({ app, dependencies, settings }: Feature, state: ControlState): void {
  if (settings.alertWebhookUrl === null) return;
  let announcing: { stop(): Promise<void> } | undefined;
  const work = async () => {
    if (await state.lease.hold()) await announceDue({ ...dependencies, ...state }, settings);
  };
  app.addHook("onListen", async () => {
    announcing = repeat(ANNOUNCE_EVERY_MS, work, (error) =>
      dependencies.logger.warn({ err: error }, "approvals: telling failed"),
    );
  });
  app.addHook("onClose", async () => await announcing?.stop());
}
