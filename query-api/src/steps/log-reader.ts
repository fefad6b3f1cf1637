import {
  CHECKPOINT_PATH,
  logPrefix,
  parseLogEntry,
  type ReadObject,
  type RunledgerRecord,
  readEntry,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import type { LogPosition } from "../audit/log-position.ts";
import type { LogChoice } from "./log-choice.ts";
import { type Content, LARGE_BYTES, type Payloads, type RecordStores, readContents, sizeOf } from "./record-content.ts";

/** Each log record may be as large as a request. */
const MAX_BYTES = 64 * 1024 * 1024;
const ENTRIES_AT_ONCE = 16;
/** Objects of the log that are kept for the next entries: a bundle may have 15 MB. */
const MAX_KEPT = 8;

interface LogEntry {
  at: LogPosition;
  record: RunledgerRecord;
  sizeBytes: number;
}

/** A log record with those of its contents that are shown. */
export interface ReadLog {
  at: LogPosition;
  record: RunledgerRecord;
  content: Content;
  sealedKey: string | null;
}

export interface ReadLogs {
  logs: ReadLog[];
  /** Not in the published log yet. */
  absent: number;
  /** Not read any more: those before it have MAX_BYTES. */
  leftOut: number;
}

/** Reads what `choice` wants of the log records at these positions, in their order, until it has MAX_BYTES; the first in any case. */
export async function readLogs(
  stores: RecordStores,
  positions: readonly LogPosition[],
  choice: LogChoice,
): Promise<ReadLogs> {
  const entryAt = createEntryReader(stores.objects);
  const logs: ReadLog[] = [];
  let absent = 0;
  let left = MAX_BYTES;
  let group: { entry: LogEntry; payloads: Payloads }[] = [];
  const readGroup = async () => {
    const read = await Promise.all(
      group.map(async ({ entry: { at, record, sizeBytes }, payloads }) => {
        const { content, sealedKey } = await readContents(stores, at.shard, payloads);
        return { log: { at, record, content, sealedKey }, sizeBytes };
      }),
    );
    group = [];
    for (const { log, sizeBytes } of read) {
      choice.shown(log.record, log.content);
      logs.push(log);
      left -= sizeBytes + lengthOf(log.content);
    }
  };
  for (let start = 0; start < positions.length; start += ENTRIES_AT_ONCE) {
    const entries = await Promise.all(positions.slice(start, start + ENTRIES_AT_ONCE).map(entryAt));
    for (const [n, entry] of entries.entries()) {
      if (entry === null) {
        absent += 1;
        continue;
      }
      if (group.some(({ entry: { record } }) => choice.decides(record))) await readGroup();
      let payloads = choice.of(entry.record);
      if (payloads === null) continue;
      const planned = sizeOf(Object.values(payloads));
      if (planned + group.reduce((sum, one) => sum + sizeOf(Object.values(one.payloads)), 0) > LARGE_BYTES) {
        await readGroup();
        payloads = choice.of(entry.record) ?? {};
      }
      if (logs.length > 0 && planned + entry.sizeBytes > left)
        return { logs, absent, leftOut: positions.length - start - n };
      group.push({ entry, payloads });
    }
    await readGroup();
  }
  return { logs, absent, leftOut: 0 };
}

function lengthOf(content: Content): number {
  return Object.values(content).reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** Reads many entries of the published log, neighbours out of one object; null for an entry that no checkpoint covers yet. */
function createEntryReader(objects: Objects): (at: LogPosition) => Promise<LogEntry | null> {
  const kept = new Map<string, Promise<Uint8Array | null>>();
  const readOnce = (path: string) => {
    const bytes = kept.get(path) ?? objects.read(path);
    kept.delete(path);
    kept.set(path, bytes);
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
    return bytes;
  };
  return async (at) => {
    const read: ReadObject = (path) => readOnce(`${logPrefix(at.shard)}${path}`);
    const checkpoint = await read(CHECKPOINT_PATH);
    const size = checkpoint === null ? 0 : unverifiedCheckpoint(checkpoint).size;
    const bytes = at.log_index < size ? await readEntry(read, at.log_index, size) : null;
    return bytes && { at, record: parseLogEntry(bytes), sizeBytes: bytes.length };
  };
}
