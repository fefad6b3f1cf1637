import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Failures } from "../failures.ts";
import { SendFailure, type SendOutcome } from "./outcome.ts";
import { spanMessage } from "./record-span.ts";
import type { RequestSender, SendRequest, SendResult, SendSettings } from "./request-sender.ts";

/** How long the collector may take to answer one request. */
const EXPORT_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 10_000;

/** The way to the collector for all that this process sends; the work of it is done by another thread. */
export interface SendThread {
  /** @param number counts connections: a new one is made for a new number. */
  exporter(number: number): SpanExporter;
  /** Sends bytes of an ExportTraceServiceRequest. Never rejects. */
  send(request: Uint8Array, timeoutMs: number): Promise<{ outcome: SendOutcome; error?: unknown }>;
  close(): void;
}

/**
 * The thread starts with the first request and keeps no process alive. Where there can be none (a bundle that left its file out), the same
 * work is done here.
 */
export function createSendThread(settings: SendSettings, failures: Failures): SendThread {
  let sender: Promise<RequestSender> | undefined;
  let connections = 0;

  async function post(request: SendRequest): Promise<{ outcome: SendOutcome; error?: Error }> {
    sender ??= startThread(settings, () => {
      sender = undefined;
    }).catch(async (error: unknown) => {
      failures.report("delivery", error);
      const { createRequestSender } = await import("./request-sender.ts");
      return createRequestSender(settings);
    });
    const { outcome, message, rejected } = await (await sender).send(request);
    if (rejected > 0) failures.report("rejected", new Error(message), rejected);
    return outcome === "delivered" ? { outcome } : { outcome, error: new SendFailure(outcome, message) };
  }
  return {
    exporter: (number) => ({
      export(spans, done) {
        connections = number;
        const request = { connection: number, content: spans.map(spanMessage), timeoutMs: EXPORT_TIMEOUT_MS };
        post(request).then(
          ({ error }) => done(error === undefined ? { code: 0 } : { code: 1, error }),
          (error: Error) => done({ code: 1, error }),
        );
      },
      shutdown: async () => {},
    }),
    send: (content, timeoutMs) => post({ connection: connections, content, timeoutMs }),
    close() {
      // Not waited for: a thread that is only starting keeps no process alive, and who awaited it would never go on.
      void sender?.then(
        (started) => started.close(),
        () => undefined,
      );
    },
  };
}

/** @throws Error when it ends before it is ready. */
async function startThread(settings: SendSettings, onGone: () => void): Promise<RequestSender> {
  const file = new URL(`./send-thread-entry${extname(import.meta.url)}`, import.meta.url);
  // Nothing that the agent's process was started with (an instrumentation of its network calls) has a place here.
  const env = { ...process.env, NODE_OPTIONS: "" };
  const worker = new Worker(file, { workerData: settings, env, execArgv: [], name: "runledger" });
  const waiting = new Map<number, (result: SendResult) => void>();
  let requests = 0;
  let end: Error | undefined;

  await new Promise<void>((resolve, reject) => {
    worker.on("message", (message: "ready" | (SendResult & { id: number })) => {
      if (message === "ready") return resolve();
      const { id, ...result } = message;
      waiting.get(id)?.(result);
      waiting.delete(id);
    });
    worker.on("error", (error) => {
      end = error;
    });
    worker.on("exit", (code) => {
      end ??= new Error(`the thread that sends ended with ${code}`);
      reject(end);
      onGone();
      for (const settle of waiting.values()) settle({ outcome: "again", message: end.message, rejected: 0 });
      waiting.clear();
    });
    // After listening, which would hold the process again.
    worker.unref();
    // Only until it is ready does somebody wait for the thread itself.
    setTimeout(() => reject(new Error("the thread that sends did not start in time")), START_TIMEOUT_MS).unref();
  });
  return {
    send: (request) =>
      new Promise((resolve) => {
        if (end !== undefined) return resolve({ outcome: "again", message: end.message, rejected: 0 });
        const id = requests++;
        waiting.set(id, resolve);
        try {
          worker.postMessage({ id, ...request });
        } catch (error) {
          waiting.delete(id);
          resolve({ outcome: "split", message: String(error), rejected: 0 }); // data that can't be copied
        }
      }),
    close: () => void worker.terminate(),
  };
}
