import {
  CHECKPOINT_PATH,
  type Hash,
  hashesEqual,
  LogError,
  logPrefix,
  parseVerifierKey,
  stagingPath,
} from "@runledger/contract";
import { type Objects, type ObjectVersion, type SigningKey, StorageError } from "@runledger/storage";
import { type Extension, type LogWriter, named, openLogWriter } from "./log-writer.ts";
import { decodeStagedBatch, encodeStagedBatch, STAGING_PURPOSE, type StagedBatch } from "./staging.ts";

/** A batch that is decided to the byte: to append it again writes the same. */
export interface PlannedBatch {
  extension: Extension;
  staged: StagedBatch;
}

/**
 * A log of which any number of writers may try to be the writer. The staged batches are a chain by compare-and-set: who stages the next
 * one has won, everybody who finds a staged batch completes that very batch, and who loses has written nothing else. So of two writers
 * that share a key no two histories are ever signed, and no tile lies in the other's way.
 */
export interface StagedLog {
  readonly log: LogWriter;
  plan(entries: readonly Uint8Array[]): PlannedBatch;
  /**
   * In the log when it resolves. After a rejection that is `retryable` the same batch is appended again.
   * @throws StorageError `superseded` when another writer went on; `damaged` when the store does not hold what it must.
   */
  append(batch: PlannedBatch): Promise<void>;
}

/** Opens the log for writing, and completes the batch that was staged last. @throws StorageError `unavailable` while another writer is at work. */
export async function openStagedLog(
  objects: Objects,
  shard: string,
  key: SigningKey,
  writer: string,
): Promise<StagedLog> {
  const heads = async (): Promise<string> => {
    const paths = [stagingPath(shard), logPrefix(shard) + CHECKPOINT_PATH];
    return JSON.stringify(await Promise.all(paths.map(async (path) => (await objects.readVersioned(path))?.version)));
  };
  const before = await heads();
  try {
    return await openUndisturbed(objects, shard, key, writer);
  } catch (error) {
    if (error instanceof StorageError && error.retryable) throw error;
    if ((await heads()) === before) throw isOfAnotherKey(error) ? ofAnotherKey(shard, error) : error;
    throw new StorageError(
      "unavailable",
      `another writer is at work on the log of shard ${shard}; looking again`,
      error,
    );
  }
}

function isOfAnotherKey(error: unknown): boolean {
  return error instanceof LogError && error.code === "untrusted";
}

function ofAnotherKey(shard: string, cause: unknown): StorageError {
  return new StorageError(
    "rejected",
    `the log of shard ${shard} in this store is signed by another key than ours, so another collector writes it. Give this one another RUNLEDGER_SHARD; ` +
      "or, to go on with that log, its signing key (`keys/` below the data directory that began it)",
    cause,
  );
}

async function openUndisturbed(objects: Objects, shard: string, key: SigningKey, writer: string): Promise<StagedLog> {
  // Before the checkpoint: the log is never behind what was staged before its last batch.
  const found = await objects.readVersioned(stagingPath(shard));
  const log = await openLogWriter(objects, shard, key);
  if (found !== null)
    await complete(
      log,
      named(stagingPath(shard), () => decode(found.bytes, key)),
      shard,
    );
  log.refuseSetBack();
  const claims = createClaims(objects, shard, key, found?.version ?? null);
  return {
    log,
    plan: (entries) => {
      const extension = log.plan(entries);
      const newRoot = extension.tree.root();
      return { extension, staged: { treeSize: log.size, root: log.root(), entries, newRoot, writer } };
    },
    append: async ({ extension, staged }) => {
      if (isHead(log, staged.treeSize + staged.entries.length, staged.newRoot)) return;
      if (!isHead(log, staged.treeSize, staged.root)) throw misfit(staged, log, shard);
      try {
        // A crash before this forgets the batch: its frames come again from the journal. From here on whoever opens the log applies it as it is.
        await claims.claim(staged);
        await log.extend(extension);
      } catch (error) {
        throw await claims.explain(error);
      }
    },
  };
}

/** The chain of staged batches, as one writer knows it. */
function createClaims(objects: Objects, shard: string, key: SigningKey, head: ObjectVersion | null) {
  const path = stagingPath(shard);
  const signer = key.signerFor(STAGING_PURPOSE);
  let version = head;
  let claimed: StagedBatch | null = null;
  const superseded = (stored: Uint8Array | undefined, cause: unknown): StorageError => {
    const by = stored === undefined ? "unknown" : decode(stored, key).writer;
    const what = `another writer (${by}) goes on with the log of shard ${shard}, so this one stops.`;
    const cure =
      "Run one collector a shard: give this one another RUNLEDGER_SHARD, or start it again when the other has";
    return new StorageError("superseded", `${what} ${cure} stopped; what its journal holds is written then`, cause);
  };
  return {
    claim: async (staged: StagedBatch): Promise<void> => {
      if (claimed === staged) return;
      const bytes = encodeStagedBatch(staged, signer);
      try {
        version = await objects.compareAndSet(path, bytes, version);
      } catch (error) {
        if (!(error instanceof StorageError && error.code === "conflict")) throw error;
        // An attempt whose answer was lost may have won: the bytes tell whose it is.
        const stored = await objects.readVersioned(path);
        if (stored === null || Buffer.compare(stored.bytes, bytes) !== 0) throw superseded(stored?.bytes, error);
        version = stored.version;
      }
      claimed = staged;
    },
    /** A store that does not hold what it should, because another writer has gone on, is not damaged. */
    explain: async (error: unknown): Promise<unknown> => {
      const isFinal = !(error instanceof StorageError) || (!error.retryable && error.code !== "superseded");
      if (!isFinal) return error;
      const stored = await objects.readVersioned(path);
      return stored === null || stored.version === version ? error : superseded(stored.bytes, error);
    },
  };
}

function decode(bytes: Uint8Array, key: SigningKey): StagedBatch {
  return decodeStagedBatch(bytes, parseVerifierKey(key.verifierKeyFor(STAGING_PURPOSE)));
}

/** What a crash interrupted, or what another writer is just doing. */
async function complete(log: LogWriter, staged: StagedBatch, shard: string): Promise<void> {
  const newSize = staged.treeSize + staged.entries.length;
  if (log.size > newSize || isHead(log, newSize, staged.newRoot)) return;
  if (!isHead(log, staged.treeSize, staged.root)) {
    log.refuseSetBack();
    throw misfit(staged, log, shard);
  }
  const extension = log.plan(staged.entries);
  if (!hashesEqual(extension.tree.root(), staged.newRoot)) throw misfit(staged, log, shard);
  await log.extend(extension);
}

function isHead(log: LogWriter, size: number, root: Hash): boolean {
  return log.size === size && hashesEqual(log.root(), root);
}

function misfit({ treeSize }: StagedBatch, log: LogWriter, shard: string): StorageError {
  return new StorageError(
    "damaged",
    `the batch staged for size ${treeSize} does not fit the log of shard ${shard}, which has ${log.size} entries`,
  );
}
