import {
  CHECKPOINT_PATH,
  DIRECTORY,
  formatTlogProof,
  inclusionProof,
  logPrefix,
  parseTilePath,
  shardList,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { createContentReads } from "../acts/content-reads.ts";
import { reasonOf } from "../acts/reason.ts";
import type { Feature } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { findLogPosition, withPublishedEntry } from "./log-position.ts";
import { shardsOf } from "./shards-of.ts";

/** What is written once may be kept by the caller for ever; what is replaced must be asked for again. */
const IMMUTABLE = "private, max-age=31536000, immutable";
const VOLATILE = "no-cache";
const NO_QUERY = z.strictObject({});
const path = z.strictObject({ "*": z.string().max(512) });
const proofQuery = z.strictObject({ record_id: z.string().regex(/^[0-9a-f]{64}$/, "64 hex digits") });
const proofAnswer = z.object({
  record_id: z.string(),
  shard: z.string(),
  log_index: z.number().int(),
  tree_size: z.number().int(),
  leaf_hash: z.string().describe("hex"),
  hashes: z.array(z.string()).describe("base64, leaf to root"),
  checkpoint: z.string().describe("the signed note"),
});
const keysAnswer = z.object({ keys: z.array(z.string()), note: z.string() });
/** Of all objects only these are evidence; state and staging are not served, and no segment starts with a dot. */
const EVIDENCE =
  /^(?:log\/[A-Za-z0-9_-][A-Za-z0-9._-]*\/(?:checkpoint|cosigned|tile(?:\/[a-z0-9][a-z0-9.]*)+|checkpoints\/\d{15}|anchors\/\d{15}\.(?:cosigned|tsr))|payloads\/[A-Za-z0-9_-][A-Za-z0-9._-]*\/[0-9a-f]{2}\/[0-9a-f]{64})$/;

/** The log as it is stored, so that anybody can check it without believing this server. */
export function registerAudit(feature: Feature): void {
  registerLogFiles(feature);
  registerProof(feature);
}

function registerLogFiles({ app, dependencies: { acts, clock, objects, verifierKeys }, settings }: Feature): void {
  const reads = createContentReads(acts, clock);
  const tags = ["audit"];
  const root = logPrefix(settings.shard);
  app.get(
    "/v1/audit/checkpoint",
    {
      config: { role: "viewer" },
      schema: { tags, summary: "The signed head of the log", querystring: NO_QUERY, produces: ["text/plain"] },
    },
    async (_request, reply) => await sendObject(objects, reply, `${root}${CHECKPOINT_PATH}`),
  );
  app.get(
    "/v1/audit/tile/*",
    {
      config: { role: "auditor", everyTenant: true },
      schema: { tags, summary: "Tiles and bundles of entries (C2SP tlog-tiles)", params: path, querystring: NO_QUERY },
    },
    async (request, reply) => {
      const tile = `tile/${request.params["*"]}`;
      if (parseTilePath(tile) === null) throw notThere(tile);
      return await sendEvidence(request, reply, `${root}${tile}`);
    },
  );
  app.get(
    "/v1/audit/objects/*",
    {
      config: { role: "auditor", everyTenant: true },
      schema: {
        tags,
        summary: "Any object of evidence by its path: what `runledger verify` reads",
        description:
          "`log/{shard}/checkpoint`, `log/{shard}/tile/…`, `log/{shard}/checkpoints/{size}`, `log/{shard}/cosigned`, `payloads/{shard}/…`; the shard `directory` is the log of the shards' checkpoints",
        params: path,
        querystring: NO_QUERY,
      },
    },
    async (request, reply) => {
      const { params } = request;
      if (!EVIDENCE.test(params["*"])) throw notThere(params["*"]);
      return await sendEvidence(request, reply, params["*"]);
    },
  );
  app.get(
    "/v1/audit/shards",
    {
      config: { role: "auditor", everyTenant: true },
      schema: {
        tags,
        summary: "The logs that there are",
        querystring: NO_QUERY,
        response: { 200: shardList, ...ERROR_RESPONSES },
      },
    },
    async () => ({ shards: await shardsOf(objects) }),
  );
  app.get(
    "/v1/audit/keys",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary: "The log's verifier keys",
        querystring: NO_QUERY,
        response: { 200: keysAnswer, ...ERROR_RESPONSES },
      },
    },
    async () => ({
      keys: [...verifierKeys],
      note: "Information only. A key that comes from the server proves nothing about the server: get it out of band (runledger policy, on the machine that signs).",
    }),
  );

  /** Entries are in the clear, with whatever attributes no mapping knows. Whoever verifies reads them all, so one act stands for those of a minute. */
  async function sendEvidence(request: FastifyRequest, reply: FastifyReply, objectPath: string): Promise<FastifyReply> {
    const { principal } = request;
    const [kind, shard, ...rest] = objectPath.split("/");
    const part = kind === "payloads" ? "packs" : rest[1] === "entries" ? "entries" : null;
    if (part !== null && shard !== DIRECTORY)
      await reads.record({ principal, reason: reasonOf(request), target: { part, shard } });
    return await sendObject(objects, reply, objectPath);
  }
}

function registerProof({ app, dependencies: { rows, objects } }: Feature): void {
  app.get(
    "/v1/audit/proof",
    {
      config: { role: "viewer" },
      schema: {
        tags: ["audit"],
        summary: "The proof that a record is in the log",
        description: "JSON, or with `Accept: text/plain` a c2sp.org/tlog-proof@v1.",
        querystring: proofQuery,
        response: {
          200: { content: { "application/json": { schema: proofAnswer }, "text/plain": { schema: z.string() } } },
          ...ERROR_RESPONSES,
        },
      },
    },
    async (request, reply) => {
      const { record_id } = request.query;
      const position = await findLogPosition(rows, request.principal.tenant, record_id);
      const proved =
        position &&
        (await withPublishedEntry(objects, position, async ({ read, checkpoint, size }) => ({
          checkpoint,
          size,
          hashes: await inclusionProof(read, position.log_index, size),
        })));
      if (!position || !proved) {
        throw new QueryApiError("not_found", `no published entry of the log holds record ${record_id}`, {
          hint: "a record is in the log a second or two after it was acknowledged",
        });
      }
      const { shard, log_index: index, leaf_hash } = position;
      if ((request.headers.accept ?? "").includes("text/plain")) {
        const text = formatTlogProof({ index, proof: proved.hashes, checkpoint: proved.checkpoint });
        return await reply
          .type("text/plain")
          .serializer((payload: string) => payload)
          .send(text);
      }
      return await reply.type("application/json").send({
        record_id,
        shard,
        log_index: index,
        tree_size: proved.size,
        leaf_hash,
        hashes: proved.hashes.map((hash) => Buffer.from(hash).toString("base64")),
        checkpoint: Buffer.from(proved.checkpoint).toString("utf8"),
      });
    },
  );
}

async function sendObject(objects: Objects, reply: FastifyReply, objectPath: string): Promise<FastifyReply> {
  const bytes = await objects.read(objectPath);
  if (bytes === null) throw notThere(objectPath);
  const replaced = /\/(?:checkpoint|cosigned)$/.test(objectPath) || objectPath.includes(".p/");
  const type = /\/checkpoint|cosigned$/.test(objectPath) ? "text/plain; charset=utf-8" : "application/octet-stream";
  return await reply
    .header("cache-control", replaced ? VOLATILE : IMMUTABLE)
    .type(type)
    .send(Buffer.from(bytes));
}

function notThere(what: string): QueryApiError {
  return new QueryApiError("not_found", `the log has no ${what}`, {
    hint: "paths are those of https://c2sp.org/tlog-tiles; /v1/audit/checkpoint tells the size",
  });
}
