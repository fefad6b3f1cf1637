import type { Batch, Told } from "../conversion/raw-record.ts";
import type { Failures } from "../failures.ts";
import type { Backlog } from "./backlog.ts";
import type { Connection, Sent } from "./connection.ts";
import type { Flushes } from "./flushes.ts";
import type { WaitingQueue } from "./waiting-queue.ts";

/** More at once would keep the agent's thread busy for a millisecond when they are handed to the other. */
const BATCH_RECORDS = 128;
/** How long a record waits for others. */
const BATCH_DELAY_MS = 200;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 5_000;
/** A single failure is a hiccup; after so many what waits goes to the disk. */
const SPOOL_AFTER_FAILURES = 2;

export interface SenderDependencies {
  queue: WaitingQueue;
  backlog: Backlog;
  connection: Connection;
  flushes: Flushes;
  failures: Failures;
  /** In [0, 1). */
  random: () => number;
  /** What was found in content that is on its way for good. */
  tell: (told: Told) => void;
}

/** Decides when what is sent: one request at a time, the queue before the backlog, later after failures. */
export interface Sender {
  /** A record was put into the queue. */
  added(urgent: boolean): void;
  schedule(delayMs: number): void;
  /** Nobody waits any more: the process may end. */
  release(): void;
  close(): void;
  /** `sent`: records that the collector acknowledged. */
  state(): { closed: boolean; sent: number };
}

export function createSender(dependencies: SenderDependencies): Sender {
  const { queue, backlog, connection, flushes, failures, random, tell } = dependencies;
  let [sending, closed, hurry, isSoon] = [false, false, false, false];
  let [sent, failedInRow, batchRecords] = [0, 0, BATCH_RECORDS];
  let timer: NodeJS.Timeout | undefined;

  function schedule(delayMs: number): void {
    if (sending || closed || (timer !== undefined && isSoon && delayMs === 0)) return;
    clearTimeout(timer);
    isSoon = delayMs === 0;
    timer = setTimeout(send, delayMs);
    // Only someone who waits for a flush keeps the process alive.
    if (flushes.none()) timer.unref();
  }

  const later = () => schedule(retryDelayMs(failedInRow, random()));
  function send(): void {
    timer = undefined;
    if (sending) return;
    if (queue.isEmpty()) {
      if (backlog.mayHoldAny()) void drain();
      return;
    }
    [sending, hurry] = [true, false];
    const batch = queue.head(batchRecords);
    void connection.send(batch).then((how) => settle(batch, how));
  }

  function settle(batch: Batch, { outcome, error, converted }: Sent): void {
    sending = false;
    const { length } = batch.records;
    if (outcome === "again") {
      failures.report("delivery", error);
      connection.renew();
      failedInRow++;
      if (backlog.hasSpool && failedInRow >= SPOOL_AFTER_FAILURES) void moveToDisk();
      else later();
      return;
    }
    failedInRow = 0;
    if (outcome === "split" && length > 1) {
      batchRecords = Math.ceil(length / 2);
      schedule(0);
      return;
    }
    batchRecords = BATCH_RECORDS;
    queue.removeHead(batch, converted?.tails);
    if (converted) tell(converted.told);
    if (outcome === "delivered") sent += length;
    else failures.report("rejected", error, length);
    const inHurry = hurry || !flushes.none() || queue.stats().queued >= BATCH_RECORDS;
    if (!queue.isEmpty()) schedule(inHurry ? 0 : BATCH_DELAY_MS);
    else if (backlog.records() === 0) flushes.done();
    if (queue.isEmpty() && backlog.mayHoldAny()) schedule(0);
  }

  async function moveToDisk(): Promise<void> {
    sending = true;
    await backlog.take();
    sending = false;
    later();
  }

  async function drain(): Promise<void> {
    sending = true;
    const drained = await backlog.drain();
    sending = false;
    failedInRow = drained === null ? failedInRow + 1 : 0;
    sent += drained ?? 0;
    if (!queue.isEmpty()) schedule(0);
    else if (drained === null) later();
    else flushes.done();
  }

  return {
    added(urgent) {
      hurry ||= urgent;
      if (failedInRow > 0) return;
      if (urgent || queue.stats().queued >= BATCH_RECORDS) schedule(0);
      else if (timer === undefined) schedule(BATCH_DELAY_MS);
    },
    schedule,
    release: () => void (flushes.none() && timer?.unref()),
    close() {
      closed = true;
      clearTimeout(timer);
    },
    state: () => ({ closed, sent }),
  };
}

/** @param random in [0, 1): agents that lost the same collector must not come back to it all at once. */
function retryDelayMs(failedInRow: number, random: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (failedInRow - 1)) * (0.5 + random / 2);
}
