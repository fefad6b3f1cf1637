import { parentPort, workerData } from "node:worker_threads";
import type { StageMessage, StageQuestion } from "./stage.ts";

/** What runs in a stage's thread. */
export interface RunningStage {
  ready: unknown;
  metrics(): Promise<string>;
  troubles(): string[] | Promise<string[]>;
  warnings(): string[];
  stop(): Promise<void>;
}

/** The thread's side of `startStage`: starts, answers questions, and reports what it can't survive. */
export async function runStage<Settings>(
  start: (settings: Settings, onFatal: (error: unknown) => void) => Promise<RunningStage>,
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("a stage runs in a worker thread");
  const send = (message: StageMessage) => port.postMessage(message);
  const onFatal = (error: unknown) => {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    send({ type: "fatal", message, stack });
  };
  try {
    const stage = await start(workerData as Settings, onFatal);
    port.on("message", (question: StageQuestion) => {
      answer(stage, question.ask).then(
        (answered) => send({ type: "answer", id: question.id, answer: answered }),
        onFatal,
      );
    });
    send({ type: "ready", ready: stage.ready });
  } catch (error) {
    onFatal(error);
  }
}

async function answer(stage: RunningStage, ask: StageQuestion["ask"]): Promise<unknown> {
  if (ask === "metrics") return stage.metrics();
  if (ask === "troubles") return stage.troubles();
  if (ask === "warnings") return stage.warnings();
  await stage.stop();
  return null;
}
