import type { KeyBook } from "@runledger/storage";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Gauge } from "prom-client";
import { z } from "zod";
import { createContentReads } from "../acts/content-reads.ts";
import { reasonParameter } from "../acts/reason.ts";
import type { Feature } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";
import { mustStillBeTaken } from "../http/access.ts";
import { runParameters } from "../runs/route.ts";
import { findBounds } from "../runs/run-bounds.ts";
import { createRunSummaries } from "../runs/run-summaries.ts";
import { hasShare } from "../state/tenant-share.ts";
import { seesMessages, seesPreviews } from "../steps/previews.ts";
import { openEventStream } from "./event-stream.ts";
import { createLiveFeed, type LiveQuestion } from "./feed.ts";
import { createTenantFeeds } from "./tenant-feeds.ts";

const KEY_CHECK_MS = 2_000;
/** A browser's event stream can't send a header. */
const streamQuery = z.strictObject({ reason: reasonParameter });
const UNIX_NANO = /^\d{1,19}$/;

/** `GET /v1/live`: an event `run` for each run that changes. `GET /v1/runs/{run_id}/live`: that run's, and an event `step` for each new step. */
export function registerLive({ app, dependencies, settings }: Feature, keys: KeyBook): void {
  const { rows, clock, logger, registry } = dependencies;
  const summaries = createRunSummaries(rows, clock, settings);
  const reads = createContentReads(dependencies.acts, clock);
  const feeds = createTenantFeeds((tenant) => createLiveFeed(tenant, { rows, summaries, clock, logger }, settings));
  new Gauge({
    name: "runledger_api_live_clients",
    help: "Open event streams",
    registers: [registry],
    collect() {
      this.set(feeds.size());
    },
  });
  app.addHook("preClose", () => feeds.close());
  app.get(
    "/v1/live",
    {
      exposeHeadRoute: false,
      config: { role: "viewer" },
      schema: {
        tags: ["live"],
        summary: "Server-Sent Events: every run as it changes",
        querystring: streamQuery,
        produces: ["text/event-stream"],
      },
    },
    async (request, reply) =>
      stream(request, reply, { runId: null, seesContent: await seesMessages(reads, request, null) }),
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
        querystring: streamQuery,
        produces: ["text/event-stream"],
      },
    },
    async (request, reply) => {
      const runId = request.params.run_id;
      await findBounds(rows, request.principal.tenant, runId);
      return stream(request, reply, { runId, seesContent: await seesPreviews(reads, request, runId) });
    },
  );

  function stream(request: FastifyRequest, reply: FastifyReply, question: Omit<LiveQuestion, "sinceNs">): FastifyReply {
    const feed = feeds.of(request.principal.tenant);
    if (!hasShare(feed.size(), feeds.size(), settings.liveMaxClients)) {
      throw new QueryApiError("unavailable", `${feed.size()} event streams are open, which is this tenant's share`, {
        hint: "close one, or poll GET /v1/runs",
      });
    }
    const lastEventId = String(request.headers["last-event-id"] ?? "");
    reply.hijack();
    const events = openEventStream(reply.raw, reply.getHeaders());
    const sinceNs = UNIX_NANO.test(lastEventId) ? BigInt(lastEventId) : null;
    const unfollow = feed.subscribe(events, { ...question, sinceNs });
    // A stream outlives the request that was let in: it ends when what that showed is not taken any more.
    const watch = setInterval(() => {
      try {
        mustStillBeTaken(keys, request);
      } catch {
        events.end();
      }
    }, KEY_CHECK_MS).unref();
    const unsubscribe = () => {
      clearInterval(watch);
      unfollow();
    };
    reply.raw.on("close", unsubscribe);
    // A broken connection is told by `close` too; there is nothing else to do about it.
    reply.raw.on("error", unsubscribe);
    return reply;
  }
}
