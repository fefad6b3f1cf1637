import type { Convert, RawRecord, Told } from "../conversion/raw-record.ts";
import type { Failures } from "../failures.ts";
import { type BacklogDependencies, createBacklog } from "./backlog.ts";
import type { Connection } from "./connection.ts";
import { createFlushes } from "./flushes.ts";
import { createSender } from "./sender.ts";
import type { Spool } from "./spool.ts";
import { type ConvertOne, createWaitingQueue, type QueueLimits } from "./waiting-queue.ts";

export interface DeliveryDependencies {
  connection: Connection;
  /** On this thread, for a process that ends. */
  convert: Convert;
  /** For the disk, by another thread. */
  convertApart?: BacklogDependencies["convertApart"];
  /** What was found in content, once it is on its way for good. */
  tell: (told: Told) => void;
  failures: Failures;
  /** In [0, 1). */
  random: () => number;
  /** Undefined: what waits is in memory only. */
  spool?: Spool | undefined;
}

/** What an earlier process left waits for the agent's first records. */
const START_DRAIN_MS = 1_000;

/**
 * The way of a record out of the process. In order, one request at a time, kept until the collector has answered or said that it never
 * will take it: in memory, and on disk when the collector stays away. A crash of the process loses what waits in memory.
 */
export interface Delivery {
  /** Never throws, never waits. */
  add(record: RawRecord, urgent: boolean): void;
  /** Converts what waits of a run. @returns the id of its last record. */
  convert(run: number, one: ConvertOne): string | undefined;
  /** True when everything that waited was delivered in time. */
  flush(timeoutMs: number): Promise<boolean>;
  /** What is left after the time goes to the spool, or is given up; adds nothing any more. */
  close(timeoutMs: number): Promise<boolean>;
  /** Puts what waits into the spool on the spot: the process ends. */
  rescue(): void;
  /** `spooled`: records of this process that wait on disk. */
  stats(): { sent: number; queued: number; queuedBytes: number; spooled: number };
}

export function createDelivery(
  { connection, convert, convertApart, tell, failures, random, spool }: DeliveryDependencies,
  limits: QueueLimits,
): Delivery {
  const queue = createWaitingQueue(limits);
  const backlog = createBacklog({ queue, failures, spool, convert, convertApart, tell });
  const flushes = createFlushes();
  const sender = createSender({ queue, backlog, connection, flushes, failures, random, tell });
  if (backlog.mayHoldAny()) sender.schedule(START_DRAIN_MS);

  async function flush(timeoutMs: number): Promise<boolean> {
    const isDone = () => queue.isEmpty() && backlog.records() === 0;
    if (sender.state().closed || isDone()) return isDone();
    const delivered = flushes.wait(timeoutMs);
    sender.schedule(0);
    if (await delivered) return true;
    sender.release();
    return false;
  }
  return {
    add(record, urgent) {
      const isClosed = sender.state().closed;
      if (!isClosed && queue.add(record)) sender.added(urgent);
      else failures.report("dropped", new Error(isClosed ? "recorded after shutdown" : "the queue is full"));
    },
    convert: queue.convert,
    flush,
    async close(timeoutMs) {
      const all = await flush(timeoutMs);
      sender.close();
      // A batch on its way may arrive and be on the disk too: what comes twice is kept once.
      if (!all) await backlog.take();
      const closing = connection.close();
      // What is on its way when the time is over ends by its own deadline; nobody waits for it.
      if (all) await closing;
      return all;
    },
    rescue: backlog.takeNow,
    stats: () => ({ sent: sender.state().sent, ...queue.stats(), spooled: backlog.records() }),
  };
}
