import type { FastifyReply, FastifyRequest } from "fastify";
import { Gauge } from "prom-client";
import { z } from "zod";
import type { Feature } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";
import { findRun, runParameters } from "../runs/route.ts";
import { createRunSummaries } from "../runs/run-summaries.ts";
import { openEventStream } from "./event-stream.ts";
import { createLiveFeed } from "./feed.ts";

const UNIX_NANO = /^\d{1,19}$/;

/** `GET /v1/live`: an event `run` for each run that changes. `GET /v1/runs/{run_id}/live`: that run's, and an event `step` for each new step. */
export function registerLive({ app, dependencies, settings }: Feature): void {
  const { rows, clock, logger, registry } = dependencies;
  const summaries = createRunSummaries(rows, clock, settings);
  const feed = createLiveFeed({ rows, summaries, clock, logger }, settings);
  new Gauge({
    name: "runledger_api_live_clients",
    help: "Open event streams",
    registers: [registry],
    collect() {
      this.set(feed.size());
    },
  });
  app.addHook("preClose", () => feed.close());
  app.get(
    "/v1/live",
    {
      exposeHeadRoute: false,
      config: { role: "viewer" },
      schema: {
        tags: ["live"],
        summary: "Server-Sent Events: every run as it changes",
        querystring: z.strictObject({}),
        produces: ["text/event-stream"],
      },
    },
    (request, reply) => stream(request, reply, null),
  );
  app.get(
    "/v1/runs/:run_id/live",
    {
      exposeHeadRoute: false,
      config: { role: "viewer" },
      schema: {
        tags: ["live"],
        summary: "Server-Sent Events: a run and its steps as they come",
        params: runParameters,
        querystring: z.strictObject({}),
        produces: ["text/event-stream"],
      },
    },
    async (request, reply) => {
      await findRun(summaries, request.params.run_id);
      return stream(request, reply, request.params.run_id);
    },
  );

  function stream(request: FastifyRequest, reply: FastifyReply, runId: string | null): FastifyReply {
    if (feed.size() >= settings.liveMaxClients) {
      throw new QueryApiError("unavailable", `${settings.liveMaxClients} event streams are open, which is the limit`, {
        hint: "close one, or poll GET /v1/runs",
      });
    }
    const lastEventId = String(request.headers["last-event-id"] ?? "");
    reply.hijack();
    const events = openEventStream(reply.raw, reply.getHeaders());
    const unsubscribe = feed.subscribe(events, runId, UNIX_NANO.test(lastEventId) ? BigInt(lastEventId) : null);
    reply.raw.on("close", unsubscribe);
    // A broken connection is told by `close` too; there is nothing else to do about it.
    reply.raw.on("error", unsubscribe);
    return reply;
  }
}
