import { logPrefix, parseLogEntry, type ReadObject, readEntries, readEntry } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { publishedSize } from "./recorded-erasure.ts";

/** A record that has a row in ClickHouse, if that has what the log has. */
export interface RunRecord {
  tenant: string;
  recordId: string;
}

/** The first and the newest records of runs that logs have. */
export interface EndsOfLogs {
  /**
   * Of a shard's published log, as far as its entries stand in the order in which they were received: a ClickHouse that has both was given what lies between. None: there is
   * none received since. What was read for the newest one is not read again. @throws LogError or StorageError, as reading the log.
   */
  find(shard: string, sinceMs: number): Promise<RunRecord[]>;
}

type Received = RunRecord & { receivedMs: number };

/** Entries that are read at once; an installation's metrics may fill many of these. */
const STEP_ENTRIES = 1_024;
/** Entries that are looked through for the first: behind so many of metrics alone none is looked for. */
const MAX_LOOKED_AT = 64 * STEP_ENTRIES;

export function createEndsOfLogs(objects: Objects): EndsOfLogs {
  const newest = new Map<string, { size: number; record: Received | null }>();
  return {
    async find(shard, sinceMs) {
      const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
      const size = await publishedSize(objects, shard);
      const before = newest.get(shard);
      const from = before === undefined || before.size > size ? 0 : before.size;
      const record = (await newestOf(read, { from, size, sinceMs })) ?? (from === 0 ? null : (before?.record ?? null));
      newest.set(shard, { size, record });
      if (record === null || record.receivedMs <= sinceMs) return [];
      const first = await firstOf(read, size, sinceMs);
      return first === null ? [record] : [first, record];
    },
  };
}

async function newestOf(
  read: ReadObject,
  { from, size, sinceMs }: { from: number; size: number; sinceMs: number },
): Promise<Received | null> {
  for (let end = size, isRecent = true; end > from && isRecent; end -= STEP_ENTRIES) {
    let last: Received | null = null;
    isRecent = false;
    for await (const { entry } of readEntries(read, Math.max(from, end - STEP_ENTRIES), end, size)) {
      const record = receivedOf(entry);
      if (record.receivedMs <= sinceMs) continue;
      isRecent = true;
      if (record.hasRow) last = record;
    }
    if (last !== null) return last;
  }
  return null;
}

async function firstOf(read: ReadObject, size: number, sinceMs: number): Promise<RunRecord | null> {
  let [low, high] = [0, size];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (receivedOf(await readEntry(read, middle, size)).receivedMs < sinceMs) low = middle + 1;
    else high = middle;
  }
  for await (const { entry } of readEntries(read, low, Math.min(size, low + MAX_LOOKED_AT), size)) {
    const record = receivedOf(entry);
    if (record.hasRow) return record;
  }
  return null;
}

function receivedOf(entry: Uint8Array): Received & { hasRow: boolean } {
  const { tenant, record_id: recordId, event, run_id, received_time } = parseLogEntry(entry);
  const hasRow = run_id !== "" && event !== "metric" && event !== "act";
  return { tenant, recordId, receivedMs: Date.parse(received_time), hasRow };
}
