import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Failures } from "../failures.ts";
import { createWaitingQueue, type QueueLimits } from "./waiting-queue.ts";

const BATCH_RECORDS = 512;
/** How long a record waits for others. */
const BATCH_DELAY_MS = 200;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 5_000;

/** gRPC status codes worth another try (OTLP specification, "OTLP/gRPC Response"). */
const RETRYABLE = new Set([1, 4, 10, 11, 14, 15]);
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;

export interface DeliveryDependencies {
  /** A fresh connection; `number` counts them. */
  createExporter: (number: number) => SpanExporter;
  failures: Failures;
  /** In [0, 1). */
  random: () => number;
}

/**
 * The way of a record out of the process. In order, one request at a time, kept in memory until the collector has
 * answered or said that it never will take it; a crash of the process loses what waits here.
 */
export interface Delivery {
  /** Never throws, never waits. */
  add(span: ReadableSpan, urgent: boolean): void;
  /** True when everything that waited was delivered in time. */
  flush(timeoutMs: number): Promise<boolean>;
  /** Gives up what is left after the time; adds nothing any more. */
  close(timeoutMs: number): Promise<boolean>;
  stats(): { sent: number; queued: number; queuedBytes: number };
}

/** `split`: one record may be to blame, so the batch is tried in halves until that one is alone. */
type Outcome = "delivered" | "again" | "split" | "refused";

export function createDelivery(dependencies: DeliveryDependencies, limits: QueueLimits): Delivery {
  const { failures, random } = dependencies;
  const queue = createWaitingQueue(limits);
  let sent = 0;
  let sending = false;
  let closed = false;
  let failedInRow = 0;
  let connections = 0;
  let batchRecords = BATCH_RECORDS;
  let exporter: SpanExporter | undefined;
  let timer: NodeJS.Timeout | undefined;
  let hurry = false;
  const flushes = createFlushes();

  function schedule(delayMs: number): void {
    if (sending || closed) return;
    clearTimeout(timer);
    timer = setTimeout(send, delayMs);
    // Only someone who waits for a flush keeps the process alive.
    if (flushes.none()) timer.unref();
  }

  function send(): void {
    timer = undefined;
    if (sending || queue.isEmpty()) return;
    sending = true;
    hurry = false;
    const batch = queue.head(batchRecords);
    exporter ??= failures.attempt("delivery", () => dependencies.createExporter(++connections));
    exportOnce(exporter, batch, (outcome, error) => settle(batch, outcome, error));
  }

  function settle(batch: ReadableSpan[], outcome: Outcome, error: unknown): void {
    sending = false;
    if (outcome === "again") {
      failures.report("delivery", error);
      // gRPC's own reconnecting backs off up to two minutes; with a new connection each time, ours is the only back-off.
      exporter?.shutdown().catch((problem) => failures.report("delivery", problem));
      exporter = undefined;
      failedInRow++;
      schedule(retryDelayMs(failedInRow, random()));
      return;
    }
    failedInRow = 0;
    if (outcome === "split" && batch.length > 1) {
      batchRecords = Math.ceil(batch.length / 2);
      schedule(0);
      return;
    }
    batchRecords = BATCH_RECORDS;
    queue.removeHead(batch.length);
    if (outcome === "delivered") sent += batch.length;
    else failures.report("rejected", error, batch.length);
    if (queue.isEmpty()) flushes.done();
    else schedule(hurry || !flushes.none() || queue.stats().queued >= BATCH_RECORDS ? 0 : BATCH_DELAY_MS);
  }

  async function flush(timeoutMs: number): Promise<boolean> {
    if (closed || queue.isEmpty()) return queue.isEmpty();
    const delivered = flushes.wait(timeoutMs);
    schedule(0);
    if (await delivered) return true;
    if (flushes.none()) timer?.unref();
    return false;
  }

  return {
    add(span, urgent) {
      if (closed || !queue.add(span)) {
        failures.report("dropped", new Error(closed ? "recorded after shutdown" : "the queue is full"));
        return;
      }
      hurry ||= urgent;
      if (failedInRow > 0) return;
      if (urgent || queue.stats().queued >= BATCH_RECORDS) schedule(0);
      else if (timer === undefined) schedule(BATCH_DELAY_MS);
    },
    flush,
    async close(timeoutMs) {
      const all = await flush(timeoutMs);
      closed = true;
      clearTimeout(timer);
      const closing = exporter?.shutdown().catch((problem) => failures.report("delivery", problem));
      // What is on its way when the time is over ends by its own deadline; nobody waits for it.
      if (all) await closing;
      return all;
    },
    stats: () => ({ sent, ...queue.stats() }),
  };
}

/** Those who wait for everything to be delivered. */
function createFlushes() {
  let waiting: (() => void)[] = [];
  return {
    none: () => waiting.length === 0,
    done() {
      for (const resolve of waiting.splice(0)) resolve();
    },
    wait: (timeoutMs: number) =>
      new Promise<boolean>((resolve) => {
        const done = () => {
          clearTimeout(limit);
          resolve(true);
        };
        const limit = setTimeout(() => {
          waiting = waiting.filter((other) => other !== done);
          resolve(false);
        }, timeoutMs);
        waiting.push(done);
      }),
  };
}

/** @param random in [0, 1): agents that lost the same collector must not come back to it all at once. */
function retryDelayMs(failedInRow: number, random: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (failedInRow - 1)) * (0.5 + random / 2);
}

function exportOnce(
  exporter: SpanExporter | undefined,
  batch: ReadableSpan[],
  done: (outcome: Outcome, error: unknown) => void,
): void {
  if (exporter === undefined) {
    done("again", new Error("no connection to the collector could be made"));
    return;
  }
  try {
    exporter.export(batch, (result) => done(result.code === 0 ? "delivered" : outcomeOf(result.error), result.error));
  } catch (error) {
    done("split", error);
  }
}

function outcomeOf(error: unknown): Outcome {
  if (typeof error !== "object" || error === null || !("code" in error) || typeof error.code !== "number")
    return "split";
  if (error.code === INVALID_ARGUMENT) return "split";
  if (error.code === RESOURCE_EXHAUSTED) return hasRetryInfo(error) ? "again" : "split";
  return RETRYABLE.has(error.code) ? "again" : "refused";
}

/** RESOURCE_EXHAUSTED is a full collector when it says when to come back, else a message over its size limit. */
function hasRetryInfo(error: object): boolean {
  if (!("metadata" in error) || typeof error.metadata !== "object" || error.metadata === null) return false;
  const { metadata } = error;
  if (!("get" in metadata) || typeof metadata.get !== "function") return false;
  return metadata.get("grpc-status-details-bin").length > 0 || metadata.get("retry-after").length > 0;
}
