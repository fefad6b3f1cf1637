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

export interface LiveFeed {
  /**
   * Sends `run` for each change of the run (null: of any run), and for a single run `step` for each new step. Starts with what came
   * after `sinceNs` (epoch ns; null: in the last seconds). An event may come twice, none is missed. Returns what unsubscribes.
   */
  subscribe(stream: EventStream, runId: string | null, sinceNs: bigint | null): () => void;
  size(): number;
  close(): Promise<void>;
}

/** Polls ClickHouse while anybody listens, once for all. */
export function createLiveFeed(
  dependencies: { rows: Rows; summaries: RunSummaries; clock: () => number; logger: FastifyBaseLogger },
  settings: QueryApiSettings,
): LiveFeed {
  const { rows, summaries, clock, logger } = dependencies;
  const followers = new Set<Follower>();
  let changes: ChangedRuns | null = null;
  let polling: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  return {
    subscribe(stream, runId, sinceNs) {
      const follower = createFollower(rows, settings.tenant, { stream, runId, sinceNs: sinceNs ?? agoNs() });
      const heartbeat = setInterval(() => stream.beat(), settings.liveHeartbeatMs).unref();
      // Followed before it is greeted: what changes between the two comes twice rather than never.
      followers.add(follower);
      greet(follower, sinceNs ?? agoNs()).catch((error: unknown) =>
        logger.warn({ err: error }, "live: can't tell what came before"),
      );
      schedule();
      return () => {
        clearInterval(heartbeat);
        followers.delete(follower);
      };
    },
    size: () => followers.size,
    async close() {
      closed = true;
      clearTimeout(timer);
      for (const { stream } of followers) stream.end();
      followers.clear();
      await polling;
    },
  };

  function schedule(): void {
    if (polling !== null || timer !== undefined || closed || followers.size === 0) return;
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

  async function poll(): Promise<void> {
    changes ??= changesSince(agoNs());
    const changed = await changes.poll();
    const followed = new Set([...followers].map(({ runId }) => runId));
    const wanted = followed.has(null) ? changed : changed.filter((runId) => followed.has(runId));
    for (const found of (await summaries.byId(wanted)).values()) {
      const ofRun = [...followers].filter(({ runId }) => runId === null || runId === found.run.run_id);
      await Promise.all(ofRun.map((follower) => follower.tell(found)));
    }
    if (followers.size === 0) changes = null;
  }

  async function greet(follower: Follower, sinceNs: bigint): Promise<void> {
    const runIds = follower.runId === null ? await changesSince(sinceNs).poll() : [follower.runId];
    for (const found of (await summaries.byId(runIds)).values()) await follower.tell(found);
  }

  function changesSince(startNs: bigint): ChangedRuns {
    return createChangedRuns(rows, { tenant: settings.tenant, startNs, maxRuns: MAX_RUNS_A_POLL });
  }

  function agoNs(): bigint {
    return BigInt(clock() - OVERLAP_MS) * NS_PER_MS;
  }
}
