import { Worker } from "node:worker_threads";
import { type FindPayloadKey, LogError, type PayloadRef, type SealedRef } from "@runledger/contract";
import type { ToolPick } from "./tool-parts.ts";

/** To the thread: what is to be read. */
export interface ContentQuestion {
  id: number;
  shard: string;
  payloads: Record<string, PayloadRef>;
  /** Only this part of them. */
  pick?: ToolPick;
}
/** From the thread, meanwhile: a part of a pack, or a payload's key. */
export interface Asked {
  id: number;
  question: number;
  ask: { path: string; offset: number; length: number } | { ref: SealedRef; salt: Uint8Array };
}
export interface Answered {
  question: number;
  answer: Uint8Array | null;
}
/** Contents by name, each as its JSON. Null: its key is not there. */
export type ContentBytes = Record<string, Uint8Array<ArrayBuffer> | null>;
type Finished =
  | { id: number; content: ContentBytes }
  | { id: number; failed: { code: LogError["code"]; message: string } };

/** Where contents come from: a shard's packs, and the keys that open them. */
export interface ContentSource {
  shard: string;
  readRange: (path: string, offset: number, length: number) => Promise<Uint8Array | null>;
  findKey: FindPayloadKey | undefined;
}

/** A thread that puts large contents together: hashing, opening and checking tens of megabytes would hold up every other answer. */
export interface ContentThread {
  /** @throws LogError as reading here would. */
  read(payloads: Record<string, PayloadRef>, source: ContentSource, pick?: ToolPick): Promise<ContentBytes>;
  close(): Promise<void>;
}

interface Pending {
  source: ContentSource;
  resolve(content: ContentBytes): void;
  reject(error: unknown): void;
}

interface Running {
  worker: Worker;
  pending: Map<number, Pending>;
}

/** Starts the thread when it is first needed. When it dies, what it was at fails, and the next question starts another. */
export function createContentThread(): ContentThread {
  let running: Running | null = null;
  let ids = 0;

  const start = (): Running => {
    const worker = new Worker(new URL("./content-thread-entry.ts", import.meta.url));
    worker.unref();
    const started: Running = { worker, pending: new Map() };
    const died = (error: unknown) => {
      if (running === started) running = null;
      for (const { reject } of started.pending.values()) reject(error);
      started.pending.clear();
    };
    worker.on("error", died);
    worker.on("exit", () => died(new LogError("malformed", "the thread that reads contents has ended")));
    worker.on("message", (message: Asked | Finished) => hear(started, message));
    return started;
  };
  return {
    read(payloads, source, pick) {
      running ??= start();
      const { worker, pending } = running;
      const id = ids++;
      return new Promise((resolve, reject) => {
        pending.set(id, { source, resolve, reject });
        worker.postMessage({ id, shard: source.shard, payloads, ...(pick && { pick }) } satisfies ContentQuestion);
      });
    },
    async close() {
      await running?.worker.terminate();
    },
  };
}

function hear({ worker, pending }: Running, message: Asked | Finished): void {
  const asker = pending.get(message.id);
  if (asker === undefined) return;
  if ("ask" in message) {
    const { question, ask } = message;
    answerOf(asker.source, ask).then(
      (answer) => worker.postMessage({ question, answer } satisfies Answered),
      (error: unknown) => {
        pending.delete(message.id);
        asker.reject(error);
      },
    );
    return;
  }
  pending.delete(message.id);
  if ("failed" in message) asker.reject(new LogError(message.failed.code, message.failed.message));
  else asker.resolve(message.content);
}

async function answerOf({ readRange, findKey }: ContentSource, asked: Asked["ask"]): Promise<Uint8Array | null> {
  if ("path" in asked) return await readRange(asked.path, asked.offset, asked.length);
  return (await findKey?.(asked.ref, asked.salt)) ?? null;
}
