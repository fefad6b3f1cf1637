import {
  CHECKPOINT_PATH,
  erasureTarget,
  logPrefix,
  parseLogEntry,
  type ReadObject,
  readEntries,
  readEntry,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";

/** An erasure's act as the published log has it. */
export interface RecordedErasure {
  logIndex: number;
  receivedTime: string;
  keyIds: string[];
}

export async function publishedSize(objects: Objects, shard: string): Promise<number> {
  const note = await objects.read(logPrefix(shard) + CHECKPOINT_PATH);
  return note === null ? 0 : unverifiedCheckpoint(note).size;
}

/** The acts of an erasure among the entries from an index on. All that was journalled before an act stands before it. */
export async function findRecordedErasure(
  objects: Objects,
  shard: string,
  erasureId: string,
  fromIndex: number,
): Promise<RecordedErasure[]> {
  const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
  const size = await publishedSize(objects, shard);
  const found: RecordedErasure[] = [];
  for await (const { index, entry } of readEntries(read, Math.min(fromIndex, size), size, size)) {
    if (!Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).includes(erasureId)) continue;
    const { act, received_time: receivedTime } = parseLogEntry(entry);
    const target = act?.action === "erasure" ? erasureTarget.safeParse(act.target) : null;
    if (target?.success && target.data.erasure_id === erasureId)
      found.push({ logIndex: index, receivedTime, keyIds: target.data.key_ids });
  }
  return found;
}

/** Entries that are read at once; an installation's metrics may fill many of these. */
const STEP_ENTRIES = 1_024;
/** Older rows may have left ClickHouse by age. */
const RECENT_MS = 24 * 3_600_000;

export interface RunRecord {
  tenant: string;
  recordId: string;
}

/**
 * The last record of a run that stands before an entry and was received within a time before it, a day: ClickHouse gets them in the same order, so when it has this one it has all before that
 * it was ever given. Null: there is none.
 */
export async function lastRunRecordBefore(
  objects: Objects,
  shard: string,
  { logIndex, receivedTime }: Pick<RecordedErasure, "logIndex" | "receivedTime">,
  recentMs = RECENT_MS,
): Promise<RunRecord | null> {
  const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
  const size = await publishedSize(objects, shard);
  for (let end = logIndex, isRecent = true; end > 0 && isRecent; end -= STEP_ENTRIES) {
    let last: RunRecord | null = null;
    isRecent = false;
    for await (const { entry } of readEntries(read, Math.max(0, end - STEP_ENTRIES), end, size)) {
      const { tenant, record_id: recordId, event, run_id, received_time } = parseLogEntry(entry);
      if (Date.parse(receivedTime) - Date.parse(received_time) >= recentMs) continue;
      isRecent = true;
      if (run_id !== "" && event !== "metric" && event !== "act") last = { tenant, recordId };
    }
    if (last !== null) return last;
  }
  return null;
}

/** Entries that are looked through for a run's record: behind so many of an installation's metrics alone none is looked for. */
const MAX_LOOKED_AT = 64 * STEP_ENTRIES;

/**
 * The first record of a run that was received since a time, as far as a log's entries stand in that order: a ClickHouse that has it, and the last one, was given what
 * lies between. Null: there is none.
 */
export async function firstRunRecordSince(objects: Objects, shard: string, sinceMs: number): Promise<RunRecord | null> {
  const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
  const size = await publishedSize(objects, shard);
  let [low, high] = [0, size];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { received_time } = parseLogEntry(await readEntry(read, middle, size));
    if (Date.parse(received_time) < sinceMs) low = middle + 1;
    else high = middle;
  }
  for await (const { entry } of readEntries(read, low, Math.min(size, low + MAX_LOOKED_AT), size)) {
    const { tenant, record_id: recordId, event, run_id } = parseLogEntry(entry);
    if (run_id !== "" && event !== "metric" && event !== "act") return { tenant, recordId };
  }
  return null;
}
