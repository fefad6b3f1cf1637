import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { NormalizedFrame } from "../normalize/normalized.ts";
import type { NormalizedFrames } from "./normalized-frames.ts";
import type { Sink } from "./sink.ts";

export interface FollowerSettings {
  /** A batch is at most this many bytes of request bodies. */
  maxBatchBytes: number;
  /** A batch that isn't full waits this long for more: fewer, larger writes when little comes in. */
  lingerMs: number;
  /** How often an idle follower looks for new frames. */
  pollMs: number;
  retryMinMs: number;
  retryMaxMs: number;
}

export interface FollowerDependencies {
  logger: Logger;
  /** In [0, 1): spreads retries. */
  random: () => number;
  onFatal: (error: unknown) => void;
}

export interface Follower {
  /** Seq of the next frame to be integrated. */
  nextSeq(): number;
  /** It found nothing more when it last looked. */
  caughtUp(): boolean;
  /** Why it isn't getting on, or null. */
  trouble(): string | null;
  /** Ends after the batch at hand. */
  stop(): Promise<void>;
}

/** How long frames of a batch in doubt may take to show: the marker that makes one readable follows its answer, and at a start the journal's recovery. */
const REDO_WAIT_MS = 10_000;

/**
 * Carries the journal into one sink, in order, each batch until it succeeds: what can be retried is retried for ever with
 * back-off, the rest is fatal (`onFatal`), because going on would leave a hole. A slow or dead sink holds up nobody else.
 */
export function startFollower(
  sink: Sink,
  frames: NormalizedFrames,
  dependencies: FollowerDependencies,
  settings: FollowerSettings,
): Follower {
  const stopping = new AbortController();
  const state = { nextSeq: 0, caughtUp: false, trouble: null as string | null };

  const untilItSucceeds = async <Result>(what: string, act: () => Promise<Result>): Promise<Result> => {
    for (let waitMs = settings.retryMinMs; ; waitMs = Math.min(waitMs * 2, settings.retryMaxMs)) {
      try {
        const result = await act();
        state.trouble = null;
        return result;
      } catch (error) {
        if (!isRetryable(error)) throw error;
        state.trouble = `${sink.name} ${what}: ${error instanceof Error ? error.message : String(error)}`;
        dependencies.logger.warn({ sink: sink.name, what, waitMs, err: error }, "retrying");
        await sleep(waitMs * (0.5 + dependencies.random() / 2), undefined, { signal: stopping.signal });
      }
    }
  };

  const run = async () => {
    const start = await untilItSucceeds("open", () => sink.open());
    state.nextSeq = start.nextSeq;
    if (start.mustEndAt !== null) await redo(start.mustEndAt);
    while (!stopping.signal.aborted) {
      const batch = await nextBatch(frames, state.nextSeq, settings, stopping.signal);
      state.caughtUp = batch.length === 0;
      if (state.caughtUp) continue;
      await untilItSucceeds("write", () => sink.write(batch));
      state.nextSeq += batch.length;
    }
  };

  /** The batch that a crash left in doubt goes first, exactly as it was. */
  const redo = async (mustEndAt: number) => {
    const batch: NormalizedFrame[] = [];
    const deadline = performance.now() + REDO_WAIT_MS;
    while (state.nextSeq + batch.length < mustEndAt) {
      const more = await frames.read(state.nextSeq + batch.length, settings.maxBatchBytes);
      if (more.length === 0 && performance.now() > deadline)
        throw new Error(`journal frame ${state.nextSeq + batch.length} is gone, but ${sink.name} needs it again`);
      if (more.length === 0) await pause(settings.pollMs, stopping.signal);
      stopping.signal.throwIfAborted();
      batch.push(...more.slice(0, mustEndAt - state.nextSeq - batch.length));
    }
    await untilItSucceeds("write again", () => sink.write(batch));
    state.nextSeq = mustEndAt;
  };

  const finished = run().catch((error: unknown) => {
    if (stopping.signal.aborted) return;
    state.trouble = `${sink.name} stopped: ${error instanceof Error ? error.message : String(error)}`;
    dependencies.onFatal(error);
  });

  return {
    nextSeq: () => state.nextSeq,
    caughtUp: () => state.caughtUp,
    trouble: () => state.trouble,
    async stop() {
      stopping.abort();
      await finished;
      await sink.close();
    },
  };
}

async function nextBatch(
  frames: NormalizedFrames,
  seq: number,
  settings: FollowerSettings,
  stop: AbortSignal,
): Promise<NormalizedFrame[]> {
  const batch = await frames.read(seq, settings.maxBatchBytes);
  if (batch.length === 0) {
    await pause(settings.pollMs, stop);
    return batch;
  }
  let bytes = sizeOf(batch);
  const lingerUntil = performance.now() + settings.lingerMs;
  while (bytes < settings.maxBatchBytes && performance.now() < lingerUntil && !stop.aborted) {
    const more = await frames.read(seq + batch.length, settings.maxBatchBytes - bytes);
    if (more.length === 0) await pause(settings.pollMs, stop);
    batch.push(...more);
    bytes += sizeOf(more);
  }
  return batch;
}

function sizeOf(frames: readonly NormalizedFrame[]): number {
  return frames.reduce((sum, frame) => sum + frame.bodyBytes, 0);
}

/** Waits, or returns early when it is time to stop. */
async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
}

function isRetryable(error: unknown): boolean {
  return typeof error === "object" && error !== null && "retryable" in error && error.retryable === true;
}
