import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAuditSink,
  createFrameNormalizer,
  createPrices,
  createSeenRecords,
  type NormalizedFrame,
  type Sink,
} from "@runledger/collector";
import { verifyShard } from "@runledger/contract";
import { loadOrCreateSigningKey, type Objects, openObjects, openOrCreateKeyring } from "@runledger/storage";
import { startStrictS3 } from "@runledger/storage/testing";
import { pino } from "pino";
import { createSpanBatch } from "./spans.ts";
import { writeSyntheticLog } from "./synthetic-log.ts";

const SHARD = "0";
const START_UNIX_MS = 1_770_000_000_000;

export interface GrowthFigures {
  entries: number;
  entriesPerSecond: number;
  cpuMicrosPerEntry: number;
  openMs: number;
  verifiedPerSecond: number;
  verifyCpuMicrosPerEntry: number;
  verifyPeakMegabytes: number;
  bytesPerEntry: number;
  tileBytesPerEntry: number;
}

/** Integrating into and verifying a log that has so many entries already, over files: 1 KB model calls, their contents sealed, a batch as the product makes them. */
export async function benchGrowth(size: number, batches: number, spansPerBatch: number): Promise<GrowthFigures> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-log-bench-"));
  const key = await loadOrCreateSigningKey(join(dir, "log.key"), "runledger.local/bench/0");
  const frames = createFrames(spansPerBatch);
  const [sample] = frames.next().records;
  if (sample === undefined) throw new Error("no records");
  const made = await writeSyntheticLog(join(dir, "objects"), SHARD, key, size, sample.facts);
  const verified = await verifying(await openObjects(`file:${dir}/objects`, { access: "read" }), key.verifierKey);

  const objects = await openObjects(`file:${dir}/objects`);
  const opening = performance.now();
  const sink = await openSink(objects, key, dir);
  const openMs = performance.now() - opening;
  await sink.write([frames.next()]);
  const prepared = Array.from({ length: batches }, () => frames.next());
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  for (const frame of prepared) await sink.write([frame]);
  const { user, system } = process.cpuUsage(cpu);
  const entries = batches * spansPerBatch;
  await rm(dir, { recursive: true });
  return {
    entries: size,
    entriesPerSecond: entries / ((performance.now() - started) / 1_000),
    cpuMicrosPerEntry: (user + system) / entries,
    openMs,
    ...verified,
    bytesPerEntry: made.entryBytes / size,
    tileBytesPerEntry: made.tileBytes / size,
  };
}

async function verifying(objects: Objects, verifierKey: string) {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 200);
  const { verdict, treeSize, findings } = await verifyShard(objects, SHARD, { verifierKeys: [verifierKey] });
  clearInterval(watch);
  if (verdict !== "VERIFIED") throw new Error(`${verdict}: ${JSON.stringify(findings.slice(0, 3))}`);
  const { user, system } = process.cpuUsage(cpu);
  return {
    verifiedPerSecond: treeSize / ((performance.now() - started) / 1_000),
    verifyCpuMicrosPerEntry: (user + system) / treeSize,
    verifyPeakMegabytes: Math.max(peak, process.memoryUsage.rss()) / 1e6,
  };
}

export interface RequestFigures {
  recordsPerBatch: number;
  /** All of a thousand records. */
  writes: number;
  reads: number;
  lists: number;
  deletes: number;
  storedBytes: number;
  /** Had each record and each of its contents been an object. */
  writesAnObjectEach: number;
}

/** S3 requests and bytes of a thousand records, counted at the store, in batches of several sizes. */
export async function benchRequests(recordsPerBatch: number, records: number): Promise<RequestFigures> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-log-bench-"));
  process.env["AWS_ACCESS_KEY_ID"] ??= "bench";
  process.env["AWS_SECRET_ACCESS_KEY"] ??= "benchbench";
  const s3 = await startStrictS3({ bucket: "evidence" });
  const location = `s3://evidence/ledger?endpoint=${encodeURIComponent(s3.endpoint)}&lock=compliance&retention=1d`;
  const objects = await openObjects(location);
  const key = await loadOrCreateSigningKey(join(dir, "log.key"), "runledger.local/bench/0");
  const frames = createFrames(recordsPerBatch);
  const sink = await openSink(objects, key, dir);
  await sink.write([frames.next()]);
  const [before, bytesBefore] = [s3.requests.length, await storedBytes(objects)];
  let contents = 0;
  for (let written = 0; written < records; written += recordsPerBatch) {
    const frame = frames.next();
    for (const { content } of frame.records) contents += Object.keys(content).length;
    await sink.write([frame]);
  }
  const requests = s3.requests.slice(before);
  const counted = (pattern: RegExp): number =>
    (requests.filter((request) => pattern.test(request)).length / records) * 1_000;
  const grown = (((await storedBytes(objects)) - bytesBefore) / records) * 1_000;
  const figures = {
    recordsPerBatch,
    writes: counted(/^(PUT|POST)/),
    reads: counted(/^(GET|HEAD) ./),
    lists: counted(/^GET $/),
    deletes: counted(/^DELETE/),
    storedBytes: grown,
    writesAnObjectEach: 1_000 + (contents / records) * 1_000,
  };
  await s3.close();
  await rm(dir, { recursive: true });
  return figures;
}

async function storedBytes(objects: Objects): Promise<number> {
  let sum = 0;
  for await (const { path, sizeBytes } of objects.list("")) if (!path.includes("/staging/")) sum += sizeBytes;
  return sum;
}

/** Normalised beforehand: normalising is measured by itself (`--only normalize`). */
function createFrames(spans: number): { next(): NormalizedFrame } {
  const batch = createSpanBatch(spans, START_UNIX_MS);
  const normalize = createFrameNormalizer(createPrices(null).cost);
  const kind = { signal: "traces", format: "protobuf", encoding: "identity", tenant: "default" } as const;
  let seq = 0;
  return {
    next: () => {
      seq++;
      return normalize({ ...kind, seq, receivedUnixNano: BigInt(START_UNIX_MS) * 1_000_000n, body: batch.next() });
    },
  };
}

async function openSink(
  objects: Objects,
  key: Awaited<ReturnType<typeof loadOrCreateSigningKey>>,
  dir: string,
): Promise<Sink> {
  const keys = (await openOrCreateKeyring(objects, { file: join(dir, "master.key") })).writer();
  let at = 1;
  const cursor = {
    load: async () => at,
    save: async (next: number) => {
      at = next;
    },
  };
  const [seen, logger] = [createSeenRecords(20_000), pino({ level: "silent" })];
  const sink = createAuditSink({ objects, key, cursor, keys, seen, logger }, { shard: SHARD });
  await sink.open();
  return sink;
}
