import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuditSink, createDirectoryLog, createSeenRecords, type NormalizedFrame } from "@runledger/collector";
import { DIRECTORY, readEntries, unverifiedCheckpoint, verifyStore } from "@runledger/contract";
import {
  type JournalCursor,
  loadOrCreateSigningKey,
  openObjects,
  openOrCreateKeyring,
  type SigningKey,
  StorageError,
} from "@runledger/storage";
import { type StrictS3, startStrictS3 } from "@runledger/storage/testing";
import { pino } from "pino";
import { frameOf, SHARD } from "../tamper/sample-log.ts";

/** What may happen to a request that writes, and whether it is so for all attempts of the driver, so that its caller hears of it too. */
export const FATES = ["lost", "answer_lost", "done_but_failed", "slow_down", "late"] as const;
type Fate = (typeof FATES)[number];
const ATTEMPTS = 4;
const REPEATS = 6;

export interface StoreWrites {
  writes: number;
  runs: number;
  faults: string[];
}

/** Before the erasure: over the edge of a tile, so that partial tiles are removed; contents in the second. */
const FRAMES: readonly NormalizedFrame[] = [bare(frameOf(1, 250)), frameOf(2, 9)];

/**
 * Two batches with their keys, the directory's log, and an erasure, over the S3 driver: once for each write of it, each fate, and one attempt or all. What failed is
 * done again, as it is in the product; in the end what is late arrives, and the store is looked at. `everyNth`: of all runs.
 */
export async function tryEachWrite(
  everyNth: number,
  log: (line: string) => void = () => undefined,
): Promise<StoreWrites> {
  const calm = await runOnce(null);
  if (calm.fault !== null) throw new Error(`without any fault: ${calm.fault}`);
  const result: StoreWrites = { writes: calm.writes, runs: 0, faults: [] };
  let at = 0;
  for (const fate of FATES) {
    for (const attempts of [1, ATTEMPTS]) {
      for (let write = 0; write < calm.writes; write++) {
        if (at++ % everyNth !== 0) continue;
        const { fault } = await runOnce({ write, fate, attempts });
        result.runs++;
        if (fault !== null) result.faults.push(`write ${write} ${fate} × ${attempts}: ${fault}`);
      }
      log(`${fate} × ${attempts}: ${result.runs} runs, ${result.faults.length} faults`);
    }
  }
  return result;
}

interface Plan {
  write: number;
  fate: Fate;
  attempts: number;
}

async function runOnce(plan: Plan | null): Promise<{ writes: number; fault: string | null }> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-store-writes-"));
  const s3 = await startStrictS3({ bucket: "evidence" });
  let counted = 0;
  try {
    const location = `s3://evidence/ledger?endpoint=${encodeURIComponent(s3.endpoint)}&lock=compliance&retention=1d`;
    const objects = await openObjects(location);
    counted = injectInto(s3, plan);
    await work(dir, objects);
    const writes = s3.requests.filter(isWrite).length - counted;
    s3.faults = () => null;
    s3.deliverLate();
    // A later start goes on from here.
    await openSink(dir, await openObjects(location));
    return { writes, fault: await lookAt(dir, await openObjects(location)) };
  } catch (error) {
    return { writes: 0, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  } finally {
    await s3.close();
    await rm(dir, { recursive: true });
  }
}

const isWrite = (request: string): boolean => /^(PUT|DELETE|POST)/.test(request);

/** @returns how many writes there were before. */
function injectInto(s3: StrictS3, plan: Plan | null): number {
  let [write, left, target] = [0, plan?.attempts ?? 0, ""];
  s3.faults = ({ method, key }) => {
    if (plan === null || !isWrite(method)) return null;
    if (write++ === plan.write) target = key;
    if (key !== target || left === 0) return null;
    left--;
    return plan.fate;
  };
  return s3.requests.filter(isWrite).length;
}

async function work(dir: string, objects: Awaited<ReturnType<typeof openObjects>>): Promise<void> {
  let sink = await openSink(dir, objects);
  for (const frame of FRAMES) await again(() => sink.write([frame]));
  const directory = createDirectoryLog(objects, await keyOf(dir, DIRECTORY), "keeper");
  await again(() => directory.record("2026-01-01T00:00:00.000Z"));
  const keyring = await again(() => openOrCreateKeyring(objects, masterKey(dir)));
  const [keyId] = await keyIdsIn(objects);
  if (keyId === undefined) throw new Error("nothing was sealed");
  await again(() => sink.write([actFrame(3, keyId)]));
  await again(() => keyring.destroy([keyId]));
  sink = await openSink(dir, objects);
  await again(() => directory.record("2026-01-01T00:01:00.000Z"));
}

async function openSink(dir: string, objects: Awaited<ReturnType<typeof openObjects>>) {
  const keys = (await again(() => openOrCreateKeyring(objects, masterKey(dir)))).writer();
  const key = await keyOf(dir, SHARD);
  const [seen, logger] = [createSeenRecords(10_000), pino({ level: "silent" })];
  const sink = createAuditSink({ objects, key, keys, seen, logger, cursor: fromTheStart() }, { shard: SHARD });
  await again(() => sink.open());
  return sink;
}

/** What can be done again is, as the follower does. */
async function again<Result>(act: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof StorageError && error.retryable) || attempt === REPEATS) throw error;
    }
  }
}

/** Null when both logs verify with all keys at hand, and each record is there once. */
async function lookAt(dir: string, objects: Awaited<ReturnType<typeof openObjects>>): Promise<string | null> {
  const keyring = await openOrCreateKeyring(objects, masterKey(dir));
  const logs = await Promise.all([SHARD, DIRECTORY].map(async (log) => (await keyOf(dir, log)).verifierKey));
  const trust = { logs, witnesses: [], quorum: null, now: 1_800_000_000 };
  const shards = async () => [SHARD];
  const { verdict, findings } = await verifyStore({ ...objects, shards, findKey: keyring.reader() }, trust);
  if (verdict !== "VERIFIED" || findings.length > 0) return `${verdict} ${JSON.stringify(findings.slice(0, 3))}`;
  const ids: string[] = [];
  for await (const { step_id } of recordsOf(objects)) ids.push(step_id);
  const wanted = [...FRAMES, actFrame(3, "")].flatMap(({ records }) => records.map(({ facts }) => facts.step_id));
  return JSON.stringify(ids) === JSON.stringify(wanted) ? null : `${ids.length} records of ${wanted.length}`;
}

async function* recordsOf(objects: Awaited<ReturnType<typeof openObjects>>) {
  const read = (path: string) => objects.read(`log/${SHARD}/${path}`);
  const { size } = unverifiedCheckpoint((await read("checkpoint")) ?? new Uint8Array());
  for await (const { entry } of readEntries(read, 0, size, size)) yield JSON.parse(Buffer.from(entry).toString());
}

async function keyIdsIn(objects: Awaited<ReturnType<typeof openObjects>>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { payloads } of recordsOf(objects))
    if (payloads.response?.key_id) ids.push(payloads.response.key_id);
  return ids;
}

function actFrame(seq: number, keyId: string): NormalizedFrame {
  const frame = bare(frameOf(seq, 1));
  const actor = { key_id: null, name: "dpo", roles: ["admin"] };
  const act = { action: "erasure", actor, reason: "asked to", target: { key_ids: [keyId] } };
  return {
    ...frame,
    records: frame.records.map((r) => ({ ...r, facts: { ...r.facts, event: "act", run_id: "", act } })),
  };
}

function bare(frame: NormalizedFrame): NormalizedFrame {
  return { ...frame, records: frame.records.map((record) => ({ ...record, content: {} })) };
}

const masterKey = (dir: string) => ({ file: join(dir, "master.key") });
const keyOf = (dir: string, log: string): Promise<SigningKey> =>
  loadOrCreateSigningKey(join(dir, `${log}.key`), `runledger.local/writes/${log}`);

function fromTheStart(): JournalCursor {
  let at = 1;
  return {
    load: async () => at,
    save: async (next) => {
      at = next;
    },
  };
}
