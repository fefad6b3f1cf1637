import { statePath } from "@runledger/contract";
import { createStateDocument } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";
import type { ActRecorderDependencies } from "./act-recorder.ts";
import { type ActRequest, actRequestShape } from "./act-request.ts";

const MAX_WAITING = 1_000;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 30_000;
const waitingActs = z.strictObject({ acts: z.array(actRequestShape) });

/** Acts that were done before they could be recorded. Each stays until the collector has acknowledged it. */
export interface ActOutbox {
  /** Durable when it resolves. */
  put(request: ActRequest): Promise<void>;
  /** Sends what waits, now and again until nothing does. */
  wake(): void;
  close(): Promise<void>;
}

/** Several processes may share it: an act sent by two of them is one record all the same. */
export function createActOutbox({ objects, send, random, logger }: Omit<ActRecorderDependencies, "clock">): ActOutbox {
  const document = createStateDocument(objects, statePath("act-outbox"), waitingActs, { acts: [] });
  let running: Promise<void> | null = null;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  let waitMs = RETRY_MIN_MS;
  let closed = false;

  return {
    async put(request) {
      await document.update(({ acts }) => {
        if (acts.length >= MAX_WAITING) {
          throw new QueryApiError("unavailable", `${MAX_WAITING} acts wait to be recorded, which is the limit`, {
            hint: "the collector does not take records; /readyz and its log tell why",
          });
        }
        return { acts: [...acts, request] };
      });
    },
    wake,
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };

  function wake(): void {
    clearTimeout(timer);
    if (closed) return;
    if (running !== null) {
      again = true;
      return;
    }
    running = sendAll()
      .then(
        () => {
          waitMs = RETRY_MIN_MS;
        },
        (error: unknown) => {
          logger.warn({ err: error, waitMs }, "acts wait to be recorded; trying again");
          if (!closed) timer = setTimeout(wake, waitMs * (0.5 + random() / 2)).unref();
          waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
        },
      )
      .then(() => {
        running = null;
        if (again) {
          again = false;
          wake();
        }
      });
  }

  async function sendAll(): Promise<void> {
    const { acts } = await document.read();
    for (const act of acts) {
      if (closed) return;
      await send(act);
      // A crash here sends it once more, which is the same record.
      await document.update((state) => ({ acts: state.acts.filter(({ id }) => id !== act.id) }));
    }
  }
}
