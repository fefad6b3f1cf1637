import { setTimeout as sleep } from "node:timers/promises";
import { StorageError } from "../error.ts";

export interface WatchdogSettings {
  /** Silent for so long, it hangs: much longer than any load makes `SELECT 1` wait. */
  hangAfterMs: number;
  everyMs: number;
}

const MIN_UNANSWERED = 3;

/**
 * Asks again and again, and calls `onHang` when nothing was answered for `hangAfterMs`; the count then begins anew. Each question must end by
 * itself. While `isUp` says no, nobody is asked: who starts it again waits for it there. Resolves when `stopped`.
 */
export async function watch(
  {
    ask,
    isUp,
    onHang,
    stopped,
  }: {
    ask: () => Promise<unknown>;
    isUp: () => boolean;
    onHang: (silentMs: number) => void;
    stopped: AbortSignal;
  },
  { hangAfterMs, everyMs }: WatchdogSettings,
): Promise<void> {
  let answeredAt = performance.now();
  let unanswered = 0;
  while (!stopped.aborted) {
    await sleep(everyMs, undefined, { signal: stopped }).catch(() => undefined);
    const answered = !isUp() || (await ask().then(isAnswer, isRefusal));
    unanswered = answered ? 0 : unanswered + 1;
    if (answered) answeredAt = performance.now();
    const silentMs = performance.now() - answeredAt;
    // Several, so that a machine that slept or a thread that was held up is no reason.
    if (stopped.aborted || unanswered < MIN_UNANSWERED || silentMs < hangAfterMs) continue;
    onHang(silentMs);
    answeredAt = performance.now();
    unanswered = 0;
  }
}

const isAnswer = () => true;
/** Who refuses a question has answered. */
const isRefusal = (error: unknown) => error instanceof StorageError && error.code === "rejected";
