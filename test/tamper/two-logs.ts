import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDirectoryLog, type NormalizedFrame, openStagedLog, type Sink } from "@runledger/collector";
import {
  consistencyProof,
  DIRECTORY,
  formatDirectoryEntry,
  inclusionProof,
  type RunledgerRecord,
  type StoreVerification,
  unverifiedCheckpoint,
  userSubject,
  verifyStore,
} from "@runledger/contract";
import { exportOffline } from "@runledger/query-api";
import { type JournalCursor, loadOrCreateSigningKey, type Objects, openKeyring, openObjects } from "@runledger/storage";
import { frame, NOBODY, timeAt } from "./bundle-log.ts";
import { openSampleSink } from "./sample-log.ts";

/** Two collectors' logs in one store, `a` and `b`, with their directory. */
export interface TwoLogs {
  objects: Objects;
  directory: string;
  /** Verifier keys: of the logs, and of the directory. */
  keys: { a: string; b: string; directory: string };
  write(shard: "a" | "b", frame: NormalizedFrame): Promise<void>;
  /** Records the logs' heads in the directory. */
  record(time: string): Promise<void>;
  /** The same of one log, as keepers did before entries committed to all heads. */
  recordAsBefore(shard: string, time: string): Promise<void>;
  export(filter?: Record<string, string>, more?: ExportFlags): Promise<Buffer>;
  checkpoint(shard: string): Promise<Buffer>;
  /** As who has the store can make it: that a log's first entries are a beginning of it at a later size. */
  consistency(from: number, to: number, shard?: string): Promise<string[]>;
  /** That an entry is in the directory. */
  inclusion(index: number): Promise<string[]>;
  /** Destroys the keys of what was sealed for a user in whichever log, and records it in one of them. */
  erase(user: string, shard: "a" | "b", seq: number): Promise<void>;
  /** Records in a log that all keys have expired, as an act of another tenant's, and takes the packs away. */
  expire(shard: "a" | "b", tenant: string, seq: number): Promise<void>;
  /** Verifies the store, or one log of it. */
  verify(only?: string): Promise<StoreVerification>;
  remove(): Promise<void>;
}

interface ExportFlags {
  /** Of who exports. */
  nowMs?: number;
  content?: boolean;
  shard?: string;
  since_checkpoints?: { origin: string; size: number }[];
}

export async function createTwoLogs(): Promise<TwoLogs> {
  const directory = await mkdtemp(join(tmpdir(), "runledger-two-logs-"));
  const objects = await openObjects(`file:${directory}/objects`);
  const masterKey = { file: join(directory, "master.key") };
  const keyOf = (log: string) => loadOrCreateSigningKey(join(directory, `${log}.key`), `runledger.local/two/${log}`);
  const keys = { a: await keyOf("a"), b: await keyOf("b"), directory: await keyOf(DIRECTORY) };
  const cursors = { a: cursorInMemory(), b: cursorInMemory() };
  const sinks = new Map<string, Sink>();
  const sinkOf = async (shard: "a" | "b"): Promise<Sink> => {
    const known = sinks.get(shard);
    if (known !== undefined) return known;
    const { sink } = await openSampleSink({ objects, key: keys[shard], cursor: cursors[shard], masterKey }, shard);
    sinks.set(shard, sink);
    return sink;
  };
  const write = async (shard: "a" | "b", written: NormalizedFrame): Promise<void> =>
    await (await sinkOf(shard)).write([written]);
  return {
    objects,
    directory,
    keys: { a: keys.a.verifierKey, b: keys.b.verifierKey, directory: keys.directory.verifierKey },
    write,
    async record(time) {
      const troubles = await createDirectoryLog(objects, keys.directory, "sample").record(time);
      if (troubles.length > 0) throw new Error(troubles.join("; "));
    },
    async recordAsBefore(shard, recorded_time) {
      const staged = await openStagedLog(objects, DIRECTORY, keys.directory, "before");
      const checkpoint = Buffer.from((await objects.read(`log/${shard}/checkpoint`)) ?? []).toString();
      const entry = { shard, checkpoint, recorded_time, shards: ["a", "b"] };
      await staged.append(staged.plan([formatDirectoryEntry(entry)]));
    },
    async export(filter = {}, { content = true, nowMs = Date.UTC(2026, 1, 1), ...more } = {}) {
      const keyring = await openKeyring(objects, masterKey);
      const target = join(directory, `bundle-${Math.random()}.tar`);
      const asked = { filter, recipient: "the auditor", reason: "test", content, ...more };
      const where = { tenant: "default", exporter: "tester", nowMs };
      await exportOffline(objects, keyring?.reader(), { ...asked, ...where }, target, () => undefined);
      const bytes = await readFile(target);
      await rm(target);
      return bytes;
    },
    consistency: async (from, to, shard = "a") => {
      const proof = await consistencyProof((path) => objects.read(`log/${shard}/${path}`), from, to);
      return proof.map((hash) => Buffer.from(hash).toString("base64"));
    },
    inclusion: async (index) => {
      const read = (path: string) => objects.read(`log/${DIRECTORY}/${path}`);
      const { size } = unverifiedCheckpoint((await read("checkpoint")) ?? Buffer.of());
      return (await inclusionProof(read, index, size)).map((hash) => Buffer.from(hash).toString("base64"));
    },
    checkpoint: async (shard) => Buffer.from((await objects.read(`log/${shard}/checkpoint`)) ?? []),
    async erase(user, shard, seq) {
      const keyring = await openKeyring(objects, masterKey);
      if (keyring === null) throw new Error("nothing was sealed");
      const pseudonym = keyring.pseudonymOf(userSubject("default", user));
      const key_ids = (await keyring.keysOf(new Set([pseudonym]))).map(({ keyId }) => keyId);
      await keyring.destroy(key_ids);
      const actor = { key_id: null, name: "tester", roles: ["admin"] };
      const act = { action: "erasure", actor, reason: "asked to", target: { key_ids } };
      await write(
        shard,
        frame(seq, [{ event: "act", kind: "other", name: "erasure", run_id: "", received_time: timeAt(60), act }]),
      );
      sinks.clear(); // writers forget destroyed keys when they begin anew
    },
    async expire(shard, tenant, seq) {
      const keyring = await openKeyring(objects, masterKey);
      const key_id_prefixes = [...((await keyring?.months())?.keys() ?? [])];
      const actor = { key_id: null, name: "retention", roles: [] };
      const act = { action: "expiry", actor, reason: null, target: { class: "content", key_id_prefixes } };
      const facts = { event: "act", kind: "other", name: "expiry", run_id: "", received_time: timeAt(90), tenant, act };
      await write(shard, frame(seq, [facts as Partial<RunledgerRecord>]));
      await rm(join(directory, "objects/payloads"), { recursive: true });
    },
    async verify(only) {
      const keyring = await openKeyring(objects, masterKey);
      const shards = async () => ["a", "b"];
      const trust = {
        logs: Object.values(keys).map(({ verifierKey }) => verifierKey),
        witnesses: [],
        quorum: null,
        now: 0,
      };
      return await verifyStore(
        { read: objects.read, list: objects.list, shards, ...(keyring && { findKey: keyring.reader() }) },
        { ...trust, ...(only === undefined ? {} : { only }) },
      );
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Of a run that moves between collectors: the records from one number on. The first names none before it; the last, with `ends`, is its end. */
export function partOfRun(
  seq: number,
  { run, user, second }: { run: string; user: string; second: number },
  { from, to, ends }: { from: number; to: number; ends: boolean },
): NormalizedFrame {
  const records = Array.from({ length: to - from }, (_, i): Partial<RunledgerRecord> => {
    const number = from + i;
    const isEnd = ends && number === to - 1;
    return {
      run_id: run,
      record_id: idOf(run, number),
      step_id: Buffer.from(`${run} ${number}`).toString("hex").padStart(16, "0").slice(-16),
      run_seq: number,
      name: `step ${number}`,
      ...(number === 0 ? {} : { run_prev: idOf(run, number - 1) }),
      run: { ...NOBODY, agent_name: "support", user_id: user },
      received_time: timeAt(second + number),
      event: number === 0 ? "run_start" : isEnd ? "run_end" : "step",
      ...(isEnd ? { end: { status: "completed", outcome: "done", reason: null, records: to } } : {}),
    };
  });
  return frame(seq, records);
}

function idOf(run: string, number: number): string {
  return Buffer.from(`${run} ${number}`).toString("hex").padEnd(64, "0");
}

function cursorInMemory(): JournalCursor {
  let at = 1;
  return {
    load: async () => at,
    save: async (next) => {
      at = Math.max(at, next);
    },
  };
}
