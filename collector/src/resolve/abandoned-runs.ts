import { setTimeout as sleep } from "node:timers/promises";
import { SILENCE_ABANDONS_MS } from "@runledger/contract";
import type { Resolver } from "./resolver.ts";

export interface AbandonedRunsDependencies {
  resolver: Pick<Resolver, "abandoned">;
  nowMs: () => number;
  logger: { warn(details: object, message: string): void };
}

export interface AbandonedRuns {
  /** Why it isn't getting on, or null. */
  trouble(): string | null;
  stop(): Promise<void>;
}

const EVERY_MS = 60_000;
/** Runs that fell silent while nobody looked: a collector may have been away for so long. */
const LOOK_BACK_MS = 7 * 24 * 3_600_000;

/**
 * Nothing comes any more from a run that was abandoned, so that it is looked at once more by the clock: what its model asked for last and
 * was never answered is then a call like others. A crash here: after the next start it looks back.
 */
export function startAbandonedRuns(
  { resolver, nowMs, logger }: AbandonedRunsDependencies,
  everyMs = EVERY_MS,
): AbandonedRuns {
  const stopping = new AbortController();
  let trouble: string | null = null;

  const run = async () => {
    let since = nowMs() - SILENCE_ABANDONS_MS - LOOK_BACK_MS;
    while (!stopping.signal.aborted) {
      try {
        since = await resolver.abandoned(since);
        trouble = null;
      } catch (error) {
        trouble = `abandoned runs: ${error instanceof Error ? error.message : String(error)}`;
        logger.warn({ err: error }, "abandoned runs could not be looked at; trying again");
      }
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined); // early: time to stop
    }
  };
  const finished = run();
  return {
    trouble: () => trouble,
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}
