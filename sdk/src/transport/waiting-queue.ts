import { endsRun } from "../conversion/conversion.ts";
import { type Batch, bytesOf, type RawRecord, type Tails } from "../conversion/raw-record.ts";

export interface QueueLimits {
  queueRecords: number;
  queueBytes: number;
}
/** A request stays below gRPC's usual 4 MiB; a record larger than that goes alone. */
const BATCH_BYTES = 3_000_000;

/** Makes a record as it goes out, with its id. @param inFlight another conversion of it tells what was found. */
export type ConvertOne = (record: RawRecord, prev: string | undefined, inFlight: boolean) => RawRecord;

/** Records in the order they were made, bounded in number and memory, and what the first of each run follows. */
export interface WaitingQueue {
  /** False when it is full: the record is not taken. */
  add(record: RawRecord): boolean;
  /** The oldest that fit one request, at least one; they stay until removed. */
  head(maxRecords: number): Batch;
  /** @param tails that the batch's conversion gave; undefined: nobody could convert it, and what follows names what was before. */
  removeHead(batch: Batch, tails: Tails | undefined): void;
  /** Converts what waits of a run in its place. @returns the id of its last record. */
  convert(run: number, one: ConvertOne): string | undefined;
  isEmpty(): boolean;
  stats(): { queued: number; queuedBytes: number };
}

export function createWaitingQueue(limits: QueueLimits): WaitingQueue {
  const queue: { record: RawRecord; bytes: number }[] = [];
  /** Of runs that have not ended, what was before the queue's first. */
  const tails = new Map<number, string>();
  let queuedBytes = 0;
  let inFlight = 0;

  function tailsOf(records: readonly RawRecord[]): Tails {
    const found = new Map<number, string>();
    for (const { run } of records) {
      const tail = found.has(run) ? undefined : tails.get(run);
      if (tail !== undefined) found.set(run, tail);
    }
    return [...found];
  }
  return {
    add(record) {
      const bytes = bytesOf(record);
      if (queue.length >= limits.queueRecords || queuedBytes + bytes > limits.queueBytes) return false;
      queue.push({ record, bytes });
      queuedBytes += bytes;
      return true;
    },
    head(maxRecords) {
      const records: RawRecord[] = [];
      let batchBytes = 0;
      for (const { record, bytes } of queue) {
        batchBytes += bytes;
        if (records.length > 0 && (records.length >= maxRecords || batchBytes > BATCH_BYTES)) break;
        records.push(record);
      }
      inFlight = records.length;
      return { records, tails: tailsOf(records) };
    },
    removeHead({ records }, after) {
      inFlight = 0;
      for (const { bytes } of queue.splice(0, records.length)) queuedBytes -= bytes;
      for (const [run, id] of after ?? []) tails.set(run, id);
      for (const record of records) if (endsRun(record)) tails.delete(record.run);
    },
    convert(run, one) {
      let last = tails.get(run);
      for (const [place, waiting] of queue.entries()) {
        if (waiting.record.run !== run) continue;
        if (waiting.record.made === undefined) waiting.record = one(waiting.record, last, place < inFlight);
        last = waiting.record.made?.id ?? last;
      }
      return last;
    },
    isEmpty: () => queue.length === 0,
    stats: () => ({ queued: queue.length, queuedBytes }),
  };
}
