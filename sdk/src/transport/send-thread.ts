import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Batch } from "../conversion/raw-record.ts";
import type { Failures } from "../failures.ts";
import type { DiskBatch } from "./backlog.ts";
import type { Connection, Sent } from "./connection.ts";
import { SendFailure, type SendOutcome } from "./outcome.ts";
import type { RequestSender, SendRequest, SendResult, SendSettings } from "./request-sender.ts";

/** How long the collector may take to answer one request. */
const EXPORT_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 10_000;
const CONVERT_TIMEOUT_MS = 10_000;

/** What is asked of the thread: to send, or to convert for the disk. */
export type ThreadRequest = { id: number } & (
  | { request: SendRequest; batch?: undefined }
  | { request?: undefined; batch: Batch }
);

/** The way to the collector for all that this process sends; the work of it is done by another thread. */
export interface SendThread {
  connection: Connection;
  /** Sends bytes of an ExportTraceServiceRequest. Never rejects. */
  send(request: Uint8Array, timeoutMs: number): Promise<{ outcome: SendOutcome; error?: unknown }>;
  /** Undefined: the thread is gone. */
  convert(batch: Batch): Promise<DiskBatch | undefined>;
  close(): void;
}

/**
 * The thread starts with the first request and keeps no process alive. Where there can be none (a bundle that left its file out), the same
 * work is done here.
 */
export function createSendThread(settings: SendSettings, failures: Failures): SendThread {
  let sender: Promise<RequestSender> | undefined;
  let connections = 1;

  const open = () => {
    sender ??= startThread(settings, () => {
      sender = undefined;
    }).catch(async (error: unknown) => {
      failures.report("delivery", error);
      const { createRequestSender } = await import("./request-sender.ts");
      return createRequestSender(settings);
    });
    return sender;
  };
  async function post(content: SendRequest["content"], timeoutMs: number): Promise<Sent> {
    const request = { connection: connections, content, timeoutMs };
    const { outcome, message, rejected, converted } = await (await open()).send(request);
    if (rejected > 0) failures.report("rejected", new Error(message), rejected);
    return outcome === "delivered"
      ? { outcome, converted }
      : { outcome, error: new SendFailure(outcome, message), converted };
  }
  return {
    connection: {
      send: (batch) => post(batch, EXPORT_TIMEOUT_MS).catch((error: unknown): Sent => ({ outcome: "again", error })),
      renew() {
        connections++;
      },
      close: async () => {},
    },
    send: post,
    async convert(batch) {
      // The thread keeps no process alive, and who waits here is to go on.
      const late = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => late.resolve(undefined), CONVERT_TIMEOUT_MS);
      const converted = open().then((thread) => thread.convert(batch));
      try {
        return await Promise.race([converted, late.promise]);
      } catch {
        return undefined; // the agent's thread tries it then, and what is wrong is told there
      } finally {
        clearTimeout(timer);
      }
    },
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
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let requests = 0;
  let end: Error | undefined;

  await new Promise<void>((resolve, reject) => {
    worker.on("message", (message: "ready" | { id: number; result?: unknown; error?: string }) => {
      if (message === "ready") return resolve();
      const { id, result, error } = message;
      const asked = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) asked?.resolve(result as never);
      else asked?.reject(new Error(error));
    });
    worker.on("error", (error) => {
      end = error;
    });
    worker.on("exit", (code) => {
      end ??= new Error(`the thread that sends ended with ${code}`);
      reject(end);
      onGone();
      for (const asked of waiting.values()) asked.reject(end);
      waiting.clear();
    });
    // After listening, which would hold the process again.
    worker.unref();
    // Only until it is ready does somebody wait for the thread itself.
    setTimeout(() => reject(new Error("the thread that sends did not start in time")), START_TIMEOUT_MS).unref();
  });
  const ask = <T>(what: Omit<Extract<ThreadRequest, { request: SendRequest }>, "id"> | { batch: Batch }) =>
    new Promise<T>((resolve, reject) => {
      if (end !== undefined) return reject(end);
      const id = requests++;
      waiting.set(id, { resolve, reject });
      try {
        worker.postMessage({ id, ...what });
      } catch (error) {
        waiting.delete(id);
        throw error; // data that can't be copied
      }
    });
  return {
    send: (request) =>
      ask<SendResult>({ request }).catch((error: Error) => {
        const outcome = error instanceof DOMException ? "split" : "again";
        return { outcome, message: String(error), rejected: 0 };
      }),
    convert: (batch) => ask<DiskBatch>({ batch }),
    close: () => void worker.terminate(),
  };
}
