import type { ReadableSpan } from "@opentelemetry/sdk-trace";

export interface QueueLimits {
  queueRecords: number;
  queueBytes: number;
}
/** A request stays below gRPC's usual 4 MiB; a record larger than that goes alone. */
const BATCH_BYTES = 3_000_000;
/** Ids, times, names of attributes: what a span weighs without its content. */
const SPAN_BYTES = 1_024;

/** Records in the order they were made, bounded in number and memory. */
export interface WaitingQueue {
  /** False when it is full: the record is not taken. */
  add(span: ReadableSpan): boolean;
  /** The oldest that fit one request, at least one; they stay until removed. */
  head(maxRecords: number): ReadableSpan[];
  removeHead(count: number): void;
  isEmpty(): boolean;
  stats(): { queued: number; queuedBytes: number };
}

export function createWaitingQueue(limits: QueueLimits): WaitingQueue {
  const queue: { span: ReadableSpan; bytes: number }[] = [];
  let queuedBytes = 0;
  return {
    add(span) {
      const bytes = bytesOf(span);
      if (queue.length >= limits.queueRecords || queuedBytes + bytes > limits.queueBytes) return false;
      queue.push({ span, bytes });
      queuedBytes += bytes;
      return true;
    },
    head(maxRecords) {
      const spans: ReadableSpan[] = [];
      let batchBytes = 0;
      for (const { span, bytes } of queue) {
        batchBytes += bytes;
        if (spans.length > 0 && (spans.length >= maxRecords || batchBytes > BATCH_BYTES)) break;
        spans.push(span);
      }
      return spans;
    },
    removeHead(count) {
      for (const { bytes } of queue.splice(0, count)) queuedBytes -= bytes;
    },
    isEmpty: () => queue.length === 0,
    stats: () => ({ queued: queue.length, queuedBytes }),
  };
}

/** About what a span takes in memory and on the wire; exact for its strings, which is where content is. */
function bytesOf(span: ReadableSpan): number {
  let bytes = SPAN_BYTES;
  for (const key in span.attributes) {
    const value = span.attributes[key];
    if (typeof value === "string") bytes += Buffer.byteLength(value);
    else if (Array.isArray(value)) bytes += value.length * 64;
  }
  return bytes;
}
