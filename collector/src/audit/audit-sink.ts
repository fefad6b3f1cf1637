import {
  type Hash,
  hashesEqual,
  logPrefix,
  packPath,
  parseVerifierKey,
  type RunledgerRecord,
  readEntries,
  stagingPath,
} from "@runledger/contract";
import { type JournalCursor, type Objects, type SigningKey, StorageError } from "@runledger/storage";
import type { Logger } from "pino";
import type { SeenRecords } from "../integrate/seen-records.ts";
import type { Sink } from "../integrate/sink.ts";
import type { NormalizedFrame } from "../normalize/normalized.ts";
import { type Batch, type BatchCounts, prepareBatch } from "./batch.ts";
import { inParallel } from "./in-parallel.ts";
import { type Extension, type LogWriter, openLogWriter } from "./log-writer.ts";
import { createPayloadPacker } from "./payload-packer.ts";
import { decodeStagedBatch, encodeStagedBatch, STAGING_PURPOSE, type StagedBatch } from "./staging.ts";

export interface AuditDependencies {
  objects: Objects;
  key: SigningKey;
  cursor: JournalCursor;
  /** This sink's own; filled from the log's end by `open`. */
  seen: SeenRecords;
  logger: Logger;
  /** Told of entries as soon as they are published. After a crash some are not told of. */
  onPublished?(entries: readonly PublishedEntry[]): void;
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
}

const PARALLEL_PACKS = 8;

/** A batch on its way: everything it will write is decided, so that doing it again writes the same. */
interface InFlight {
  packs: Batch["packs"];
  extension: Extension;
  staged: StagedBatch;
  /** Of the entries; none when a crash forgot them. */
  records: Batch["records"];
  /** The journal position that it brings the log to. */
  nextSeq: number;
  counts: BatchCounts;
}

/** What a crash interrupted was counted by the process that crashed. */
const NOTHING_COUNTED: BatchCounts = { records: 0, duplicates: 0, conflicts: 0, overflows: 0, packBytes: 0 };

/** Writes records into the audit log: packs, staged batch, tiles, checkpoint, cursor, in this order. */
export function createAuditSink(dependencies: AuditDependencies, { shard }: AuditSettings): Sink {
  const { objects, key, cursor, seen, logger } = dependencies;
  const stagingSigner = key.signerFor(STAGING_PURPOSE);
  const packer = createPayloadPacker();
  let log: LogWriter | null = null;
  let nextSeq = 0;
  let inFlight: InFlight | null = null;
  let stopped: StorageError | null = null;

  /** The one way a batch goes into the log: the first time, again after a failure, and after a crash. */
  const finish = async (
    { packs, extension, staged, records, nextSeq: after, counts }: InFlight,
    writer: LogWriter,
  ): Promise<void> => {
    await inParallel(PARALLEL_PACKS, packs, (pack) => objects.create(packPath(shard, pack.sha256), pack.bytes));
    const path = stagingPath(shard, staged.treeSize);
    if (staged.entries.length > 0 && isHead(writer, staged.treeSize, staged.root)) {
      if (!hashesEqual(extension.tree.root(), staged.newRoot)) throw misfit(staged, writer);
      // A crash before this forgets the batch: its frames come again from the journal. From here on it is applied as it is.
      await objects.create(path, encodeStagedBatch(staged, stagingSigner));
      await writer.extend(extension);
    }
    if (!isHead(writer, staged.treeSize + staged.entries.length, staged.newRoot)) throw misfit(staged, writer);
    dependencies.onPublished?.(publishedEntries(staged.treeSize, extension.leaves, records));
    // A crash before this: the frames come again, and their records are found to be in the log already.
    await cursor.save(after);
    nextSeq = after;
    if (staged.entries.length > 0) await objects.delete(path);
    dependencies.onBatch?.({ ...counts, treeSize: writer.size });
  };

  const finishInFlight = async (writer: LogWriter): Promise<void> => {
    if (inFlight === null) return;
    await finish(inFlight, writer);
    inFlight = null;
  };

  /** Damage is final: a writer that went on would sign what it can't vouch for. */
  const guarded = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (stopped !== null) throw stopped;
    try {
      return await work();
    } catch (error) {
      if (error instanceof StorageError && error.retryable) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      stopped = new StorageError("damaged", `the audit log of shard ${shard} is stopped: ${reason}`, error);
      logger.fatal(
        { err: error, shard },
        "audit log stopped: the store does not hold what it must; run `runledger verify`",
      );
      throw stopped;
    }
  };

  return {
    name: "audit",
    open: () =>
      guarded(async () => {
        const writer = await openLogWriter(objects, shard, key);
        nextSeq = await cursor.load();
        for await (const staged of readStaged(objects, shard, key, writer.size)) {
          const extension = writer.plan(staged.entries);
          // Which frames it was made of is not asked: the journal may be another one by now, counting from 1 again.
          await finish({ packs: [], extension, staged, records: [], nextSeq, counts: NOTHING_COUNTED }, writer);
        }
        writer.refuseSetBack();
        await seed(seen, writer);
        log = writer;
        logger.info({ shard, treeSize: writer.size, nextSeq }, "audit log open");
        return { nextSeq, mustEndAt: null };
      }),
    write: (frames: readonly NormalizedFrame[]) =>
      guarded(async () => {
        if (log === null) throw new StorageError("rejected", "the audit log is not open");
        await finishInFlight(log);
        const fresh = frames.filter(({ seq }) => seq >= nextSeq);
        if (fresh.length === 0) return;
        const { packs, entries, records, counts, nextSeq: after } = prepareBatch(fresh, seen, packer);
        const extension = log.plan(entries);
        const newRoot = extension.tree.root();
        const staged = { treeSize: log.size, root: log.root(), entries, newRoot };
        inFlight = { packs, extension, staged, records, nextSeq: after, counts };
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

function isHead(writer: LogWriter, size: number, root: Hash): boolean {
  return writer.size === size && hashesEqual(writer.root(), root);
}

function misfit({ treeSize }: StagedBatch, writer: LogWriter): StorageError {
  return new StorageError(
    "damaged",
    `the staged batch for size ${treeSize} does not fit the log of size ${writer.size}`,
  );
}

/** Batches that were on their way; one that the log has grown beyond only failed to be removed. */
async function* readStaged(
  objects: Objects,
  shard: string,
  key: SigningKey,
  treeSize: number,
): AsyncGenerator<StagedBatch> {
  const verifier = parseVerifierKey(key.verifierKeyFor(STAGING_PURPOSE));
  for await (const { path } of objects.list(`${logPrefix(shard)}staging/`)) {
    const bytes = await objects.read(path);
    if (bytes === null) continue;
    const staged = decodeStagedBatch(bytes, verifier);
    if (path !== stagingPath(shard, staged.treeSize)) {
      throw new StorageError("damaged", `${path} holds the batch for size ${staged.treeSize}`);
    }
    if (staged.treeSize + staged.entries.length < treeSize) await objects.delete(path);
    else yield staged;
  }
}

/** What is a duplicate depends on the log alone: after a restart the answer is the same. */
async function seed(seen: SeenRecords, writer: LogWriter): Promise<void> {
  const from = Math.max(0, writer.size - seen.limit);
  for await (const { entry } of readEntries(writer.read, from, writer.size, writer.size)) {
    // Our own entries, read back with their hashes checked at the edge only: whatever else is in them, they are records.
    seen.classify(JSON.parse(Buffer.from(entry).toString()));
  }
}
