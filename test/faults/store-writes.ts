import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuditSink, createDirectoryLog, createSeenRecords, type NormalizedFrame } from "@runledger/collector";
import { DIRECTORY, readEntries, unverifiedCheckpoint, verifyStore } from "@runledger/contract";
import { addHold, createErasureStore, createHoldStore, type KeptErasure } from "@runledger/query-api/testing";
import {
  type JournalCursor,
  loadOrCreateSigningKey,
  type Objects,
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
const AT_ONCE = 6;
const TENANT = "default";
const TIME = "2026-11-30T12:00:00.000Z";
const IDS = ["first", "second"];

export interface StoreWrites {
  writes: number;
  runs: number;
  faults: string[];
}

/** Before the erasure: over the edge of a tile, so that partial tiles are removed; contents of two runs, of which the last one's are erased. */
const FRAMES: readonly NormalizedFrame[] = [bare(frameOf(1, 250)), frameOf(2, 9), frameOf(3, 2)];
const ACT = FRAMES.length + 1;

/**
 * Batches with their keys, the directory's log, an erasure, holds that are lifted and erasures that end, over the S3 driver: once for each write of it, each fate, and one
 * attempt or all; and once with the first attempt of every write late. What failed is done again, as it is in the product; in the end what is late arrives, and the
 * store is looked at. `everyNth`: of the runs with one fault.
 */
export async function tryEachWrite(
  everyNth: number,
  log: (line: string) => void = () => undefined,
): Promise<StoreWrites> {
  const calm = await runOnce(null);
  if (calm.fault !== null) throw new Error(`without any fault: ${calm.fault}`);
  const single = FATES.flatMap((fate) =>
    [1, ATTEMPTS].flatMap((attempts) =>
      Array.from({ length: calm.writes }, (_, write): Plan => ({ write, fate, attempts })),
    ),
  );
  const every: Plan = { write: "each", fate: "late", attempts: 1 };
  const plans = [every, ...single.filter((_, at) => at % everyNth === 0)];
  const result: StoreWrites = { writes: calm.writes, runs: 0, faults: [] };
  // They mostly wait, before they try again.
  const left = plans.values();
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (const plan of left) {
      const { fault } = await runOnce(plan);
      if (fault !== null) result.faults.push(`write ${plan.write} ${plan.fate} × ${plan.attempts}: ${fault}`);
      if (++result.runs % 50 === 0) log(`${result.runs} of ${plans.length} runs, ${result.faults.length} faults`);
    }
  });
  await Promise.all(workers);
  return result;
}

interface Plan {
  write: number | "each";
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
    const opened = await openObjects(location);
    return { writes, fault: cameAgain(s3) ?? (await cameBack(dir, opened)) ?? (await lookAt(dir, opened)) };
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
  const attempted = new Set<string>();
  s3.faults = ({ method, key }) => {
    if (plan === null || !isWrite(method)) return null;
    // The writes of one object come one after the other.
    if (plan.write === "each") return attempted.delete(key) ? null : attempted.add(key) && plan.fate;
    if (write++ === plan.write) target = key;
    if (key !== target || left === 0) return null;
    left--;
    return plan.fate;
  };
  return s3.requests.filter(isWrite).length;
}

async function work(dir: string, objects: Objects): Promise<void> {
  let sink = await openSink(dir, objects);
  for (const frame of FRAMES) await again(() => sink.write([frame]));
  const directory = createDirectoryLog(objects, await keyOf(dir, DIRECTORY), "keeper");
  await again(() => directory.record("2026-01-01T00:00:00.000Z"));
  const keyring = await again(() => openOrCreateKeyring(objects, masterKey(dir)));
  const keyId = (await keyIdsIn(objects)).at(-1);
  if (keyId === undefined) throw new Error("nothing was sealed");
  await again(() => sink.write([actFrame(ACT, keyId)]));
  await again(() => keyring.destroy([keyId]));
  await changeState(objects);
  sink = await openSink(dir, objects);
  await again(() => directory.record("2026-01-01T00:01:00.000Z"));
}

/** Twice, so that each document is again what it was before the second time. */
async function changeState(objects: Objects): Promise<void> {
  const [holds, erasures] = [createHoldStore(objects), createErasureStore(objects)];
  for (const id of IDS) {
    await again(() =>
      addHold(holds, {
        hold_id: id,
        tenant: TENANT,
        scope: { all: true },
        reason: "a case",
        by: "dpo",
        set_time: TIME,
      }),
    );
    await again(() => holds.update((state) => ({ holds: state.holds.filter(({ hold_id }) => hold_id !== id) })));
    const asked = await again(() => erasures.add(erasureOf(id)));
    await again(() => erasures.finish({ ...asked, state: "done", done_time: TIME }));
  }
}

function erasureOf(id: string): KeptErasure {
  return {
    ...{ erasure_id: id, tenant: TENANT, subject: { kind: "run", run_id: id }, user_id: null, run_ids: [id] },
    ...{ state: "destroying", rows_settled: false, clear_records: 0, key_ids: [`2aa00000${"0".repeat(24)}`] },
    ...{ by: "dpo", actor: { key_id: null, roles: ["admin"] }, reason: "asked to", log_sizes: {}, log_indexes: [0] },
    ...{ requested_time: TIME, done_time: null, received_until: TIME },
  };
}

async function openSink(dir: string, objects: Objects) {
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

/** An object that was again what it had been, with something else between: a late write could take one for the other. Only partial tiles may, which never change. */
function cameAgain(s3: StrictS3): string | null {
  const keys = new Set(s3.requests.filter((request) => request.startsWith("PUT ")).map((request) => request.slice(4)));
  for (const key of keys) {
    const written = s3.versionsOf(key).map(({ bytes }) => bytes?.toString("base64"));
    const states = written.filter((bytes, i) => bytes !== undefined && bytes !== written[i - 1]);
    if (!key.includes(".p/") && new Set(states).size < states.length) return `${key} was again what it had been`;
  }
  return null;
}

/** What was erased, lifted or ended, and is not so any more. */
async function cameBack(dir: string, objects: Objects): Promise<string | null> {
  const keyring = await openOrCreateKeyring(objects, masterKey(dir));
  for await (const { act } of recordsOf(objects))
    for (const key_id of act?.target.key_ids ?? [])
      if ((await keyring.reader()({ key_id }, Buffer.alloc(32))) !== null) return `key ${key_id}, which was destroyed`;
  const { holds, destroying } = await createHoldStore(objects).read();
  if (holds.length > 0 || destroying !== undefined) return `holds, which were lifted: ${JSON.stringify(holds)}`;
  const erasures = createErasureStore(objects);
  const underWay = await erasures.underWay();
  if (underWay.length > 0) return `erasures, which were done: ${JSON.stringify(underWay)}`;
  const done = (await erasures.newest(TENANT, 10, null)).map(({ erasure }) => `${erasure.erasure_id} ${erasure.state}`);
  return done.sort().join() === IDS.map((id) => `${id} done`).join() ? null : `erasures that are done: ${done}`;
}

/** Null when both logs verify with all keys at hand, and each record is there once. */
async function lookAt(dir: string, objects: Objects): Promise<string | null> {
  const keyring = await openOrCreateKeyring(objects, masterKey(dir));
  const logs = await Promise.all([SHARD, DIRECTORY].map(async (log) => (await keyOf(dir, log)).verifierKey));
  const trust = { logs, witnesses: [], quorum: null, now: 1_800_000_000 };
  const shards = async () => [SHARD];
  const { verdict, findings } = await verifyStore({ ...objects, shards, findKey: keyring.reader() }, trust);
  if (verdict !== "VERIFIED" || findings.length > 0) return `${verdict} ${JSON.stringify(findings.slice(0, 3))}`;
  const ids: string[] = [];
  for await (const { step_id } of recordsOf(objects)) ids.push(step_id);
  const wanted = [...FRAMES, actFrame(ACT, "")].flatMap(({ records }) => records.map(({ facts }) => facts.step_id));
  return JSON.stringify(ids) === JSON.stringify(wanted) ? null : `${ids.length} records of ${wanted.length}`;
}

async function* recordsOf(objects: Objects) {
  const read = (path: string) => objects.read(`log/${SHARD}/${path}`);
  const { size } = unverifiedCheckpoint((await read("checkpoint")) ?? new Uint8Array());
  for await (const { entry } of readEntries(read, 0, size, size)) yield JSON.parse(Buffer.from(entry).toString());
}

async function keyIdsIn(objects: Objects): Promise<string[]> {
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
    records: frame.records.map((r) => ({ ...r, facts: { ...r.facts, event: "act", act } })),
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
