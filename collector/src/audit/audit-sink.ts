import { type Hash, packPath, type RunledgerRecord, readEntries } from "@runledger/contract";
import {
  contentLockEndMs,
  type JournalCursor,
  type KeyWriter,
  monthPrefix,
  type Objects,
  type SigningKey,
  StorageError,
  type StorageErrorCode,
} from "@runledger/storage";
import type { Logger } from "pino";
import type { SeenRecords } from "../integrate/seen-records.ts";
import type { Sink } from "../integrate/sink.ts";
import type { NormalizedFrame } from "../normalize/normalized.ts";
import { type Batch, type BatchCounts, prepareBatch } from "./batch.ts";
import { inParallel } from "./in-parallel.ts";
import type { LogWriter } from "./log-writer.ts";
import { createPayloadPacker } from "./payload-packer.ts";
import { IN_THE_CLEAR, keysOfFrames } from "./sealing.ts";
import { openStagedLog, type PlannedBatch, type StagedLog } from "./staged-log.ts";

export interface AuditDependencies {
  objects: Objects;
  key: SigningKey;
  cursor: JournalCursor;
  /** Null: contents are stored in the clear. */
  keys: KeyWriter | null;
  /** This sink's own; filled from the log's end by `open`. */
  seen: SeenRecords;
  logger: Logger;
  /** Keeps what the records' costs were made of, before they are in the log; asked again after a failure. */
  keepPrices?(frames: readonly NormalizedFrame[]): Promise<void>;
  /** Epoch ms; default: the machine's. */
  clock?(): number;
  /** Told of entries as soon as they are published. After a crash some are not told of. */
  onPublished?(entries: readonly PublishedEntry[]): void;
  /** Told after `open` found a log, and after each batch: the log has a signed head. */
  onHead?(): void;
  /** Told after each batch that is in the log. */
  onBatch?(counts: BatchCounts & { treeSize: number }): void;
}

export interface PublishedEntry {
  index: number;
  leaf: Hash;
  record: RunledgerRecord;
}

export interface AuditSettings {
  shard: string;
  /** How long sealed contents are kept after their month: their packs are locked so long, where the store locks. Null: as long as all else. */
  contentRetentionDays?: number | null;
  /** Who writes, for people: another writer of the same shard is told. */
  writer?: string;
}

const PARALLEL_PACKS = 8;

/** A batch on its way: everything it will write is decided, so that doing it again writes the same. */
interface InFlight {
  packs: Batch["packs"];
  planned: PlannedBatch;
  records: Batch["records"];
  /** The journal position that it brings the log to. */
  nextSeq: number;
  counts: BatchCounts;
}

/** Writes records into the audit log: data keys, packs, staged batch, tiles, checkpoint, cursor, in this order. */
export function createAuditSink(
  dependencies: AuditDependencies,
  { shard, contentRetentionDays = null, writer = "unnamed" }: AuditSettings,
): Sink {
  const { objects, key, cursor, keys, seen, logger, clock = Date.now } = dependencies;
  const packer = createPayloadPacker();
  let log: StagedLog | null = null;
  let nextSeq = 0;
  let inFlight: InFlight | null = null;
  let stopped: StorageError | null = null;

  /** Contents in the clear don't expire, and later entries name them: their packs are locked as the log is. */
  const lockEndMs = (records: Batch["records"]): number | undefined => {
    if (keys === null || contentRetentionDays === null) return undefined;
    const now = new Date(clock()).toISOString();
    // Of the month of writing, when a late key begins to age; or that of receiving, when the clock was set back since.
    const latest = records.reduce((time, { received_time }) => (received_time > time ? received_time : time), now);
    return contentLockEndMs(monthPrefix(latest), contentRetentionDays);
  };

  /** The one way a batch goes into the log: the first time, and again after a failure. */
  const finishInFlight = async (staged: StagedLog): Promise<void> => {
    if (inFlight === null) return;
    const { packs, planned, records, nextSeq: after, counts } = inFlight;
    // Named by what they hold: of a writer that loses they lie in nobody's way.
    const lock = { retainUntilMs: lockEndMs(records) };
    await inParallel(PARALLEL_PACKS, packs, (pack) => objects.create(packPath(shard, pack.sha256), pack.bytes, lock));
    await staged.append(planned);
    dependencies.onHead?.();
    dependencies.onPublished?.(publishedEntries(planned.staged.treeSize, planned.extension.leaves, records));
    // A crash before this: the frames come again, and their records are found to be in the log already.
    await cursor.save(after);
    nextSeq = after;
    dependencies.onBatch?.({ ...counts, treeSize: staged.log.size });
    inFlight = null;
  };

  /** Damage is final: a writer that went on would sign what it can't vouch for. So is a lost race, and what the store or the keys refuse. */
  const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (stopped !== null) throw stopped;
    try {
      return await work();
    } catch (error) {
      if (error instanceof StorageError && error.retryable) throw error;
      const isRefusal = error instanceof StorageError && (error.code === "superseded" || error.code === "rejected");
      const reason = error instanceof Error ? error.message : String(error);
      stopped = isRefusal
        ? error
        : new StorageError("damaged", `the audit log of shard ${shard} is stopped: ${reason}`, error);
      logger.fatal({ err: error, shard }, whatStopped(stopped.code));
      throw stopped;
    }
  };

  return {
    name: "audit",
    open: () =>
      guarded(async () => {
        const staged = await openStagedLog(objects, shard, key, writer);
        nextSeq = await cursor.load();
        await seed(seen, staged.log);
        log = staged;
        if (staged.log.size > 0) dependencies.onHead?.();
        logger.info({ shard, treeSize: staged.log.size, nextSeq }, "audit log open");
        return { nextSeq, mustEndAt: null };
      }),
    write: (frames: readonly NormalizedFrame[]) =>
      guarded(async () => {
        if (log === null) throw new StorageError("rejected", "the audit log is not open");
        await finishInFlight(log);
        const fresh = frames.filter(({ seq }) => seq >= nextSeq);
        if (fresh.length === 0) return;
        await dependencies.keepPrices?.(fresh);
        // A crash, or a failure, after this: the frames come again and find the same keys.
        const keyOf = keys === null ? IN_THE_CLEAR : await keysOfFrames(keys, fresh);
        const { packs, entries, records, counts, nextSeq: after } = prepareBatch(fresh, seen, packer, keyOf);
        inFlight = { packs, planned: log.plan(entries), records, nextSeq: after, counts };
        await finishInFlight(log);
      }),
    close: async () => {
      log = null;
    },
  };
}

function publishedEntries(
  from: number,
  leaves: readonly Hash[],
  records: readonly RunledgerRecord[],
): PublishedEntry[] {
  return records.flatMap((record, at) => {
    const leaf = leaves[at];
    return leaf === undefined ? [] : [{ index: from + at, leaf, record }];
  });
}

/** What is a duplicate depends on the log alone: after a restart the answer is the same. */
async function seed(seen: SeenRecords, writer: LogWriter): Promise<void> {
  const from = Math.max(0, writer.size - seen.limit);
  for await (const { entry } of readEntries(writer.read, from, writer.size, writer.size)) {
    // Our own entries, read back with their hashes checked at the edge only: whatever else is in them, they are records.
    seen.classify(JSON.parse(Buffer.from(entry).toString()));
  }
}

function whatStopped(code: StorageErrorCode): string {
  if (code === "superseded") return "audit log handed over: another writer goes on with this shard";
  if (code === "rejected") return "audit log stopped: it was refused, and the error says what to do";
  return "audit log stopped: the store does not hold what it must; run `runledger verify`";
}
