import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { type ExportJob, exportJob, exportList, exportRequest } from "@runledger/contract";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import type { Feature } from "../dependencies.ts";
import { createErasureStore } from "../erasures/erasure-store.ts";
import { QueryApiError } from "../error.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { byteRange } from "./byte-range.ts";
import { chooseLogs } from "./choose-logs.ts";
import { withExactTimes } from "./exact-times.ts";
import { createExportJobs, type ExportJobs, timeOf } from "./export-jobs.ts";
import { createExportStore, type ExportStore, type KeptExport, keptLogs } from "./export-store.ts";
import { logsOnRecord } from "./logs-on-record.ts";
import { policiesInForce } from "./policies.ts";

const tags = ["exports"];
const byId = z.strictObject({ export_id: z.string().max(64) });
const NO_QUERY = z.strictObject({});

interface Exports {
  store: ExportStore;
  jobs: () => ExportJobs;
}

/** Evidence bundles: asked for, made in the background, fetched. Who asks and who gets them is recorded before it happens. */
export function registerExports(feature: Feature): void {
  const { app, dependencies, settings } = feature;
  const { objects, keyring, clock, logger } = dependencies;
  const store = createExportStore(objects);
  const { exportsDir: directory, exportKeepMs: keepMs } = settings;
  let started: ExportJobs | null = null;
  app.addHook("onReady", async () => {
    if (directory === null) return;
    const policies = async (tenant: string) => ({
      ...(await policiesInForce(objects, tenant)),
      retention_days_of_contents: settings.contentRetentionDays,
      retention_days_of_rows: settings.retentionDays,
      run_is_abandoned_after_ms: settings.abandonedAfterMs,
    });
    // A reader of keys remembers what it read: each export has one of its own, so that erased is erased.
    const findKey = () => keyring?.reader() ?? (async () => null);
    const erasures = createErasureStore(objects);
    started = await createExportJobs(
      { objects, store, erasures, findKey, policies, clock, logger },
      { directory, keepMs },
    );
    await started.start();
  });
  app.addHook("onClose", async () => started?.stop());
  const jobs = (): ExportJobs => {
    if (started !== null) return started;
    throw new QueryApiError("unavailable", "this instance makes no exports: it has no directory for them");
  };
  registerCreate(feature, { store, jobs });
  registerReads(feature, { store, jobs });
  registerBundle(feature, { store, jobs });
}

function registerCreate({ app, dependencies: { objects, acts, clock } }: Feature, { store, jobs }: Exports): void {
  app.post(
    "/v1/exports",
    {
      config: { role: "auditor" },
      schema: {
        tags,
        summary: "Asks for an evidence bundle of what the filter selects",
        description:
          "Of all logs, where collectors write several, or of the `shard` that is named. Made in the background: follow `GET /v1/exports/{export_id}`, then fetch its bundle. See docs/bundle.md.",
        body: exportRequest,
        response: { 202: exportJob, ...ERROR_RESPONSES },
      },
    },
    async (request, reply) => {
      const { filter: asked, recipient, reason, content, shard = null, ...since } = request.body;
      const { principal } = request;
      const filter = withExactTimes(asked);
      const { instance } = jobs();
      const { tenant } = principal;
      const logsAsked = { ...since, ...(shard === null ? {} : { shard }), tenant, content };
      const chosen = await chooseLogs(objects, logsAsked, clock());
      const id = randomUUID();
      const shards = chosen.logs.map((log) => log.shard);
      const target = { export_id: id, ...logsOnRecord(shards), recipient, filter, content };
      await acts.record({ action: "export.create", principal, reason, target });
      const kept: KeptExport = {
        ...{ id, tenant: principal.tenant, shard, state: "pending", instance, filter, recipient, reason, content },
        ...keptLogs(chosen),
        created_time: timeOf(clock()),
        exporter: { key_id: principal.keyId, name: principal.name },
        ...{ attempts: 0, finished_time: null, expires_ms: null, entries: null, runs: null },
        ...{ missing_payloads: null, size_bytes: null, sha256: null, error: null },
      };
      await store.add(kept);
      jobs().wake();
      return await reply.status(202).header("location", `/v1/exports/${id}`).send(viewOf(kept, jobs()));
    },
  );
}

function registerReads({ app }: Feature, { store, jobs }: Exports): void {
  app.get(
    "/v1/exports",
    {
      config: { role: "auditor" },
      schema: {
        tags,
        summary: "Exports, newest first",
        querystring: NO_QUERY,
        response: { 200: exportList, ...ERROR_RESPONSES },
      },
    },
    async ({ principal }) => {
      const all = await store.all();
      return { items: all.filter(({ tenant }) => tenant === principal.tenant).map((kept) => viewOf(kept, jobs())) };
    },
  );
  app.get(
    "/v1/exports/:export_id",
    {
      config: { role: "auditor" },
      schema: {
        tags,
        summary: "How far an export is",
        params: byId,
        querystring: NO_QUERY,
        response: { 200: exportJob, ...ERROR_RESPONSES },
      },
    },
    async ({ principal, params }) => viewOf(await store.find(principal.tenant, params.export_id), jobs()),
  );
}

function registerBundle({ app, dependencies: { acts } }: Feature, { store, jobs }: Exports): void {
  app.get(
    "/v1/exports/:export_id/bundle",
    {
      config: { role: "auditor" },
      schema: {
        tags,
        summary: "The bundle, a tar; `Range: bytes=N-` goes on with a download that broke off",
        params: byId,
        querystring: NO_QUERY,
        produces: ["application/x-tar"],
      },
    },
    async (request, reply) => {
      const { principal } = request;
      const kept = await store.find(principal.tenant, request.params.export_id);
      if (kept.state !== "done") throw notThere(kept);
      const path = jobs().fileOf(kept.id);
      const size = await stat(path).then(
        (status) => status.size,
        () => null,
      );
      if (size === null || kept.instance !== jobs().instance)
        throw new QueryApiError("not_found", "the bundle lies with another instance of the query API", {
          hint: "ask the one that made it",
        });
      const error = await jobs().withdrawErased(kept);
      if (error !== null) throw notThere({ ...kept, state: "expired", error });
      const target = { export_id: kept.id, recipient: kept.recipient, sha256: kept.sha256, size_bytes: size };
      await acts.record({ action: "export.download", principal, reason: kept.reason, target });
      return await sendFile(reply, path, size, kept, request.headers.range);
    },
  );
}

async function sendFile(
  reply: FastifyReply,
  path: string,
  size: number,
  { id, sha256 }: KeptExport,
  asked: string | undefined,
): Promise<FastifyReply> {
  const range = byteRange(asked, size);
  if (range === null) return await reply.status(416).header("content-range", `bytes */${size}`).send();
  const { first, last, isPart } = range;
  if (isPart) reply.status(206).header("content-range", `bytes ${first}-${last}/${size}`);
  return await reply
    .type("application/x-tar")
    .header("accept-ranges", "bytes")
    .header("cache-control", "private, no-store")
    .header("content-disposition", `attachment; filename="runledger-${id}.tar"`)
    .header("content-length", last - first + 1)
    .header("etag", `"${sha256}"`)
    .send(createReadStream(path, { start: first, end: last }));
}

function notThere({ id, state, error }: KeptExport): QueryApiError {
  if (state === "expired")
    return new QueryApiError("not_found", `the bundle of ${id} was deleted: ${error ?? "its time was up"}`, {
      hint: "export again",
    });
  if (state === "failed") return new QueryApiError("conflict", `the export ${id} failed: ${error}`);
  return new QueryApiError("conflict", `the export ${id} is not done yet`, {
    hint: `GET /v1/exports/${id} shows how far it is`,
  });
}

function viewOf(kept: KeptExport, jobs: ExportJobs): ExportJob {
  return {
    export_id: kept.id,
    shard: kept.shard,
    shards: kept.logs.map(({ shard }) => shard),
    later_entries: kept.later_entries ?? 0,
    state: kept.state,
    filter: kept.filter,
    recipient: kept.recipient,
    reason: kept.reason,
    content: kept.content,
    created_time: kept.created_time,
    created_by: kept.exporter.name,
    finished_time: kept.finished_time,
    expires_time: kept.expires_ms === null ? null : timeOf(kept.expires_ms),
    progress: jobs.progressOf(kept.id),
    entries: kept.entries,
    runs: kept.runs,
    missing_payloads: kept.missing_payloads,
    size_bytes: kept.size_bytes,
    sha256: kept.sha256,
    error: kept.error,
  };
}
