import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAuditSink,
  createDirectoryLog,
  createSeenRecords,
  type NormalizedFrame,
  type Sink,
} from "@runledger/collector";
import { DIRECTORY, parsePolicy, type StoreTrust, type StoreVerification, verifyStore } from "@runledger/contract";
import {
  type JournalCursor,
  loadOrCreateSigningKey,
  type Objects,
  openObjects,
  type SigningKey,
} from "@runledger/storage";
import { pino } from "pino";
import { frameOf } from "../tamper/sample-log.ts";

/** Several shards and their directory in one store. */
export interface SampleDirectory {
  directory: string;
  objects: Objects;
  /** Of the directory log. */
  key: SigningKey;
  /** Verifier keys of all logs. */
  keys: string[];
  /** Writes so many records into a shard's log, received at a time that stands still, or at this one. */
  grow(shard: string, records: number, receivedTime?: string): Promise<void>;
  /** Records the shards' heads. @returns troubles. */
  record(): Promise<string[]>;
}

export async function createSampleDirectory(shards: readonly string[]): Promise<SampleDirectory> {
  const directory = await mkdtemp(join(tmpdir(), "runledger-directory-"));
  const objects = await openObjects(`file:${directory}/objects`);
  const keyOf = (log: string) => loadOrCreateSigningKey(join(directory, `${log}.key`), `runledger.local/sample/${log}`);
  const key = await keyOf(DIRECTORY);
  const sinks = new Map<string, Sink>();
  const keys = [key.verifierKey];
  let seq = 1;
  for (const shard of shards) {
    const shardKey = await keyOf(shard);
    keys.push(shardKey.verifierKey);
    const seen = createSeenRecords(10_000);
    const logger = pino({ level: "silent" });
    const sink = createAuditSink(
      { objects, key: shardKey, cursor: cursorInMemory(), keys: null, seen, logger },
      { shard },
    );
    await sink.open();
    sinks.set(shard, sink);
  }
  const log = createDirectoryLog(objects, key, "sample");
  return {
    directory,
    objects,
    key,
    keys,
    grow: async (shard, records, receivedTime) =>
      await sinks.get(shard)?.write([receivedAt(receivedTime, frameOf(seq++, records))]),
    record: () => log.record("2026-01-01T00:00:00.000Z"),
  };
}

function receivedAt(received_time: string | undefined, frame: NormalizedFrame): NormalizedFrame {
  if (received_time === undefined) return frame;
  return { ...frame, records: frame.records.map((each) => ({ ...each, facts: { ...each.facts, received_time } })) };
}

/** Verifies what is stored, or what it would be with `changes` (null removes). */
export async function verifySample(
  { objects, keys }: Pick<SampleDirectory, "objects" | "keys">,
  policy = "quorum none\n",
  more: Partial<StoreTrust> & { changes?: Record<string, Uint8Array | null>; hidden?: string } = {},
): Promise<StoreVerification> {
  const { changes = {}, hidden = "", ...trust } = more;
  const isHidden = (path: string): boolean => hidden !== "" && path.startsWith(`log/${hidden}/`);
  const read = async (path: string): Promise<Uint8Array | null> => {
    if (isHidden(path)) return null;
    return path in changes ? (changes[path] ?? null) : await objects.read(path);
  };
  return await verifyStore(
    {
      read,
      list: async function* (prefix) {
        for await (const item of objects.list(prefix)) {
          if (!isHidden(item.path) && changes[item.path] !== null) yield item;
        }
      },
      shards: async () => (await objects.folders("log/")).filter((name) => name !== DIRECTORY && name !== hidden),
    },
    { ...parsePolicy(policy), logs: keys, now: Math.floor(Date.now() / 1000), ...trust },
  );
}

/** All that is verified below a log's root. */
export async function filesOf(objects: Objects, log: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for await (const { path } of objects.list(`log/${log}/`)) {
    const bytes = path.includes("/staging/") ? null : await objects.read(path);
    if (bytes !== null) files.set(path, bytes);
  }
  return files;
}

function cursorInMemory(): JournalCursor {
  let at = 1;
  return {
    load: async () => at,
    save: async (next) => {
      at = next;
    },
  };
}
