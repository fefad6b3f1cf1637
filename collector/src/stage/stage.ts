import { Worker } from "node:worker_threads";

/** A part of the collector in a thread of its own. Parts share nothing but the journal's files. */
export interface Stage<Ready> {
  ready: Ready;
  /** Prometheus text of this thread's registry. */
  metrics(): Promise<string>;
  /** What keeps it from getting on; [] when all is well. */
  troubles(): Promise<string[]>;
  /** What an operator should mend though all goes on. */
  warnings(): Promise<string[]>;
  /** Finishes what is at hand, then ends the thread; after `timeoutMs` ends it anyway (a crash, from which it recovers). */
  stop(timeoutMs: number): Promise<void>;
}

export type StageQuestion = { id: number; ask: "metrics" | "troubles" | "warnings" | "stop" };
export type StageMessage =
  | { type: "ready"; ready: unknown }
  | { type: "answer"; id: number; answer: unknown }
  | { type: "fatal"; message: string; stack: string | undefined };

/** Starts a thread; resolves when it is ready. @throws Error when it can't start; later failures go to `onFatal`, once. */
export async function startStage<Ready>(
  script: URL,
  settings: object,
  onFatal: (error: Error) => void,
): Promise<Stage<Ready>> {
  const worker = new Worker(script, { workerData: settings });
  const waiting = new Map<number, (answer: unknown) => void>();
  let nextId = 1;
  let stopping = false;

  const ready = await new Promise<Ready>((resolve, reject) => {
    let isReady = false;
    const fail = (error: Error) => {
      if (!isReady) reject(error);
      else if (!stopping) onFatal(error);
      stopping = true;
    };
    worker.on("message", (message: StageMessage) => {
      if (message.type === "ready") {
        isReady = true;
        resolve(message.ready as Ready);
      } else if (message.type === "answer") {
        waiting.get(message.id)?.(message.answer);
        waiting.delete(message.id);
      } else {
        fail(Object.assign(new Error(message.message), { stack: message.stack }));
      }
    });
    worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", (code) => {
      for (const answer of waiting.values()) answer(undefined);
      waiting.clear();
      fail(new Error(`the thread ended with code ${code}`));
    });
  });

  const ask = <Answer>(question: StageQuestion["ask"]) =>
    new Promise<Answer | undefined>((resolve) => {
      const id = nextId++;
      waiting.set(id, (answer) => resolve(answer as Answer | undefined));
      worker.postMessage({ id, ask: question } satisfies StageQuestion);
    });

  return {
    ready,
    metrics: async () => (await ask<string>("metrics")) ?? "",
    troubles: async () => (await ask<string[]>("troubles")) ?? ["the thread has ended"],
    warnings: async () => (await ask<string[]>("warnings")) ?? [],
    async stop(timeoutMs) {
      stopping = true;
      const timeout = setTimeout(() => void worker.terminate(), timeoutMs);
      await ask("stop");
      clearTimeout(timeout);
      await worker.terminate();
    },
  };
}
