import type { Rows } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import type { QueryApiSettings } from "../config.ts";
import { type ChangedRuns, createChangedRuns, OVERLAP_MS } from "../runs/changed-runs.ts";
import type { RunSummaries } from "../runs/run-summaries.ts";
import type { EventStream } from "./event-stream.ts";
import { createFollower, type Follower } from "./follower.ts";

/** Of all runs that changed, so many are told a poll; the rest with the next ones. */
const MAX_RUNS_A_POLL = 200;
const NS_PER_MS = 1_000_000n;

export interface LiveQuestion {
  /** null: every run. */
  runId: string | null;
  /** Epoch ns; null: the last seconds. */
  sinceNs: bigint | null;
  /** Are runs and steps sent with what is cut from contents or may quote them: previews, messages of errors? */
  seesContent: boolean;
}

/** What happens in one tenant. */
export interface LiveFeed {
  /**
   * Sends `run` for each change of the run (null: of any run), and for a single run `step` for each new step. Starts with what came
   * after `sinceNs` (in the last seconds). An event may come twice, none is missed. Returns what unsubscribes.
   */
  subscribe(stream: EventStream, question: LiveQuestion): () => void;
  size(): number;
  close(): Promise<void>;
}

export interface LiveFeedDependencies {
  rows: Rows;
  summaries: RunSummaries;
  clock: () => number;
  logger: FastifyBaseLogger;
}

/** Polls ClickHouse while anybody listens, once for all who do. */
export function createLiveFeed(
  tenant: string,
  dependencies: LiveFeedDependencies,
  settings: QueryApiSettings,
): LiveFeed {
  const { rows, summaries, clock, logger } = dependencies;
  const followers = new Set<Follower>();
  /** Who has not been told yet what came before it joined, with the changes of that time. */
  const behind = new Map<Follower, ChangedRuns>();
  let changes: ChangedRuns | null = null;
  let polling: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  return {
    subscribe(stream, { runId, sinceNs, seesContent }) {
      const startNs = sinceNs ?? agoNs();
      const follower = createFollower(rows, tenant, { stream, runId, sinceNs: startNs, seesContent });
      const heartbeat = setInterval(() => stream.beat(), settings.liveHeartbeatMs).unref();
      behind.set(follower, changesSince(startNs));
      schedule();
      return () => {
        clearInterval(heartbeat);
        followers.delete(follower);
        behind.delete(follower);
      };
    },
    size,
    async close() {
      closed = true;
      clearTimeout(timer);
      for (const { stream } of [...followers, ...behind.keys()]) stream.end();
      followers.clear();
      behind.clear();
      await polling;
    },
  };

  function size(): number {
    return followers.size + behind.size;
  }

  function schedule(): void {
    if (polling !== null || timer !== undefined || closed || size() === 0) return;
    timer = setTimeout(() => {
      timer = undefined;
      polling = poll()
        // Streams stay open while ClickHouse is away; what came meanwhile is found by a later poll.
        .catch((error: unknown) => logger.warn({ err: error }, "live: poll failed"))
        .then(() => {
          polling = null;
          schedule();
        });
    }, settings.livePollMs).unref();
  }

  /** One round, never two at once: so no client is told older things after newer ones. */
  async function poll(): Promise<void> {
    // Started before anybody is greeted: what changes between the two comes twice rather than never.
    if (changes === null || followers.size === 0) changes = changesSince(agoNs());
    else await tellChanges(changes, [...followers]);
    for (const [follower, missed] of behind) {
      try {
        if (!(await greet(follower, missed)) || !behind.delete(follower)) continue;
        followers.add(follower);
      } catch (error) {
        logger.warn({ err: error }, "live: can't tell what came before");
      }
    }
  }

  /** Whether that was all the client missed; else there is more for the next round. */
  async function greet(follower: Follower, missed: ChangedRuns): Promise<boolean> {
    if (follower.runId === null) {
      await tellChanges(missed, [follower]);
      return missed.caughtUp();
    }
    const found = (await summaries.byId(tenant, [follower.runId])).get(follower.runId);
    if (found) await follower.tell(found, missed.watermarkNs());
    return true;
  }

  async function tellChanges(source: ChangedRuns, audience: readonly Follower[]): Promise<void> {
    const seenNs = source.watermarkNs();
    const changed = await source.poll();
    try {
      const followed = new Set(audience.map(({ runId }) => runId));
      const wanted = followed.has(null) ? changed : changed.filter((runId) => followed.has(runId));
      for (const found of (await summaries.byId(tenant, wanted)).values()) {
        const ofRun = audience.filter(({ runId }) => runId === null || runId === found.run.run_id);
        await Promise.all(ofRun.map((follower) => follower.tell(found, seenNs)));
      }
    } catch (error) {
      source.rewind();
      throw error;
    }
  }

  function changesSince(startNs: bigint): ChangedRuns {
    return createChangedRuns(rows, { tenant, startNs, maxRuns: MAX_RUNS_A_POLL });
  }

  function agoNs(): bigint {
    return BigInt(clock() - OVERLAP_MS) * NS_PER_MS;
  }
}
