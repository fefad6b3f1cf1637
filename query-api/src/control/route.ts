import {
  controlState,
  kill,
  killList,
  killRequest,
  MAX_CONTROL_APPROVALS,
  MAX_CONTROL_WAIT_MS,
} from "@runledger/contract";
import type { KeyBook } from "@runledger/storage";
import { Gauge } from "prom-client";
import { z } from "zod";
import { reasonOf, reasonParameter } from "../acts/reason.ts";
import type { Feature } from "../dependencies.ts";
import { mustStillBeTaken } from "../http/access.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { repeat } from "../state/repeat.ts";
import { type Control, createControl } from "./control.ts";
import type { ControlState } from "./control-state.ts";

/** How soon an act that could not be recorded with its kill is tried again. */
const RECORD_RETRY_MS = 2_000;
const tags = ["control"];
const killParameters = z.strictObject({ kill_id: z.string().max(64) });
const approvalIds = z.array(z.string().max(64)).max(MAX_CONTROL_APPROVALS);
const controlQuery = z.strictObject({
  cursor: z.string().max(100).optional().describe("of the last answer; without one the state is told at once"),
  wait_ms: z.coerce.number().int().min(0).max(MAX_CONTROL_WAIT_MS).default(25_000),
  approval: z
    .preprocess((value) => (typeof value === "string" ? [value] : value), approvalIds)
    .default([])
    .describe("the requests for approval that the asker waits for; may be repeated"),
});

/** The kill switch, and where agents wait to be told of it. */
export function registerControl(feature: Feature, state: ControlState, keys: KeyBook): Control {
  const control = createControl({ ...feature.dependencies, ...state }, feature.settings);
  registerKills(feature, control);
  registerLongPoll(feature, control, keys);
  recordWhatWaits(feature, control, state);
  return control;
}

/** While the server listens; one of several APIs does it. */
function recordWhatWaits({ app, dependencies: { logger } }: Feature, control: Control, { lease }: ControlState): void {
  let recording: { stop(): Promise<void> } | undefined;
  const work = async () => {
    if (await lease.hold()) await control.recordDue();
  };
  app.addHook("onListen", async () => {
    recording = repeat(RECORD_RETRY_MS, work, (error) => logger.warn({ err: error }, "kills wait to be recorded"));
  });
  app.addHook("onClose", async () => await recording?.stop());
}

function registerKills({ app }: Feature, control: Control): void {
  app.post(
    "/v1/kill",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Stops runs now, and refuses new ones until the kill is lifted",
        body: killRequest,
        response: { 200: kill.describe("in force already"), 201: kill, ...ERROR_RESPONSES },
      },
    },
    async ({ body, principal }, reply) => {
      const { kill: placed, isNew } = await control.kill({ ...body, principal });
      return await reply.status(isNew ? 201 : 200).send(placed);
    },
  );
  app.get(
    "/v1/kill",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary: "The kills in force, the newest first",
        querystring: z.strictObject({}),
        response: { 200: killList, ...ERROR_RESPONSES },
      },
    },
    async ({ principal }) => ({ items: await control.inForce(principal.tenant) }),
  );
  app.delete(
    "/v1/kill/:kill_id",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Lifts a kill: what it refused may run again; what it stopped stays stopped",
        params: killParameters,
        querystring: z.strictObject({ reason: reasonParameter }),
        response: { 200: kill, ...ERROR_RESPONSES },
      },
    },
    async (request) => await control.lift(request.params.kill_id, request.principal, reasonOf(request)),
  );
}

function registerLongPoll({ app, dependencies: { registry } }: Feature, control: Control, keys: KeyBook): void {
  new Gauge({
    name: "runledger_api_control_waiting",
    help: "Agents that wait at GET /v1/control",
    registers: [registry],
    collect() {
      this.set(control.waiting());
    },
  });
  app.addHook("preClose", async () => control.sendAway());
  app.get(
    "/v1/control",
    {
      exposeHeadRoute: false,
      // Agents behind one address ask all at once after a kill: what bounds them is the room.
      config: { role: "ingest", rateLimit: false },
      schema: {
        tags,
        summary:
          "For agents: the kills in force and answers to their requests, at once when they changed, else after wait_ms",
        querystring: controlQuery,
        response: { 200: controlState, ...ERROR_RESPONSES },
      },
    },
    async (request, reply) => {
      const { cursor, wait_ms, approval } = request.query;
      const gone = new AbortController();
      const leave = () => gone.abort();
      reply.raw.once("close", leave);
      const question = { tenant: request.principal.tenant, cursor, approvalIds: approval, waitMs: wait_ms };
      void reply.header("cache-control", "no-store");
      const answer = await control.answer(question, gone.signal);
      // The wait outlives the request that was let in: who lost its key meanwhile is told nothing more.
      mustStillBeTaken(keys, request);
      return answer;
    },
  );
}
