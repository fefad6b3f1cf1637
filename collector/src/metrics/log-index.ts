import { setTimeout as sleep } from "node:timers/promises";
import {
  CHECKPOINT_PATH,
  type LogEntryRow,
  leafHash,
  logPrefix,
  type ReadObject,
  readEntries,
  unverifiedCheckpoint,
} from "@runledger/contract";
import { type Objects, type Rows, StorageError } from "@runledger/storage";
import type { Logger } from "pino";
import { logEntryRow, recordOfEntry } from "./log-entry-row.ts";
import type { RecentEntries } from "./recent-entries.ts";

export interface LogIndexSettings {
  shard: string;
  /** How often is asked for what the log's writer hands over. */
  pollMs: number;
  retryMinMs: number;
  retryMaxMs: number;
}

export interface LogIndexDependencies {
  objects: Objects;
  rows: Rows;
  /** What the log's writer hands over; all else is read from the log. */
  recent: RecentEntries;
  logger: Pick<Logger, "warn">;
}

export interface LogIndex {
  /** Why it isn't getting on, or null. */
  trouble(): string | null;
  /** Ends after the batch at hand. */
  stop(): Promise<void>;
}

const ROWS_PER_INSERT = 5_000;
/** How often the log's checkpoint is looked at, for what its writer did not hand over: after a crash, or more than it keeps. */
const LOOK_MS = 500;

/**
 * Keeps `log_entries` up with the published log: which entry a record is, and where its payloads lie. It follows the log itself, and
 * its cursor is what ClickHouse holds; a crash anywhere leaves nothing to repair. What it can't do now it tries again for ever.
 */
export function startLogIndex(
  { objects, rows, recent, logger }: LogIndexDependencies,
  settings: LogIndexSettings,
): LogIndex {
  const { shard, pollMs, retryMinMs, retryMaxMs } = settings;
  const stopping = new AbortController();
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined); // early: time to stop
  const read: ReadObject = (path) => objects.read(`${logPrefix(shard)}${path}`);
  let trouble: string | null = null;

  const run = async () => {
    let next: number | null = null;
    let lookedAtMs = Number.NEGATIVE_INFINITY;
    for (let waitMs = retryMinMs; !stopping.signal.aborted; ) {
      try {
        next ??= await nextIndex(rows, shard);
        next = await indexRecent(recent, rows, next, stopping.signal);
        if (performance.now() - lookedAtMs >= LOOK_MS) {
          next = await indexPublished(read, rows, shard, next, stopping.signal);
          lookedAtMs = performance.now();
        }
        trouble = null;
        waitMs = retryMinMs;
        await pause(pollMs);
      } catch (error) {
        trouble = `log index: ${error instanceof Error ? error.message : String(error)}`;
        logger.warn({ err: error, waitMs }, "the log's index in ClickHouse is not getting on; trying again");
        next = null; // asked again: the insert may have arrived
        await pause(waitMs);
        waitMs = Math.min(waitMs * 2, retryMaxMs);
      }
    }
  };
  const finished = run();

  return {
    trouble: () => trouble,
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}

/** Inserts what is at hand from `from` on. @returns the index after the last one inserted. */
async function indexRecent(recent: RecentEntries, rows: Rows, from: number, stopped: AbortSignal): Promise<number> {
  let next = from;
  while (!stopped.aborted) {
    const batch = recent.from(next, ROWS_PER_INSERT);
    if (batch.length === 0) break;
    await insertLogEntries(rows, batch);
    next += batch.length;
  }
  return next;
}

/** Inserts what the log has from `from` on. @returns the index after the last one inserted. */
async function indexPublished(
  read: ReadObject,
  rows: Rows,
  shard: string,
  from: number,
  stopped: AbortSignal,
): Promise<number> {
  const size = await publishedSize(read);
  if (from > size) throw new StorageError("damaged", `ClickHouse knows ${from} entries, the log has ${size}: rebuild`);
  let next = from;
  let batch: LogEntryRow[] = [];
  for await (const { index, entry } of readEntries(read, from, size, size)) {
    batch.push(logEntryRow(shard, index, leafHash(entry), recordOfEntry(entry)));
    if (batch.length < ROWS_PER_INSERT && index + 1 < size) continue;
    await insertLogEntries(rows, batch);
    next = index + 1;
    batch = [];
    if (stopped.aborted) break;
  }
  return next;
}

/** Number of entries of the log, by its own checkpoint: who must not trust it verifies, this only follows. */
export async function publishedSize(read: ReadObject): Promise<number> {
  const note = await read(CHECKPOINT_PATH);
  return note === null ? 0 : unverifiedCheckpoint(note).size;
}

/** Inserts consecutive entries; again is harmless. */
export async function insertLogEntries(rows: Rows, batch: readonly LogEntryRow[]): Promise<void> {
  const first = batch[0];
  if (first === undefined) return;
  await rows.insert("log_entries", batch, `log:${first.shard}:${first.log_index}-${first.log_index + batch.length}`);
}

/** Entries are inserted in order, so the highest index tells how far it is. */
async function nextIndex(rows: Rows, shard: string): Promise<number> {
  const [known] = await rows.query<{ next: string }>(
    "SELECT if(count() = 0, 0, max(log_index) + 1) AS next FROM log_entries WHERE shard = {shard: String}",
    { shard },
  );
  return Number(known?.next ?? 0);
}
