import type { AsyncLocalStorage } from "node:async_hooks";
import type { ApiClient } from "../control/api-request.ts";
import { type RecordedRun, readRecordedRun } from "./recorded-run.ts";
import { createReplaySession, type Divergence, type ReplayOptions, type ReplaySession } from "./replay-session.ts";

export interface Replay<T> {
  /** "reproduced": every model and tool call of the recorded run was made again, and no other. */
  verdict: "reproduced" | "diverged";
  /** Where first; undefined: nowhere. */
  divergence: Divergence | undefined;
  /** What the agent gave, or what it threw. */
  result?: T;
  error?: unknown;
  /** The run that the replay itself is recorded as. */
  runId: string | undefined;
}

export interface Replays {
  /** A run with what replaying needs. From the query API (`controlUrl`), with a key that may read content. @throws Error */
  recordedRun(runId: string): Promise<RecordedRun>;
  /**
   * Runs `work`, which calls a wrapped agent, with its model calls answered from a recorded run and its tools (`ledger.tool`) giving their recorded
   * results: no model is asked, and nothing that such a tool does is done. Recorded as a run of its own that names the one it follows.
   */
  replay<T>(from: string | RecordedRun, work: () => T, options?: ReplayOptions): Promise<Replay<Awaited<T>>>;
}

export interface ReplayContext {
  session: ReplaySession;
  /** Of the first run within it. */
  runId?: string | undefined;
}
export type ReplayContexts = AsyncLocalStorage<ReplayContext | undefined>;

export interface ReplayDependencies {
  contexts: ReplayContexts;
  openApi: () => ApiClient;
  /** A replay begins; what it returns is called when it ends. */
  begin: () => () => void;
}

const ALIVE_MS = 60_000;

export function createReplays({ contexts, openApi, begin }: ReplayDependencies): Replays {
  async function recordedRun(runId: string): Promise<RecordedRun> {
    const api = openApi();
    // The client by itself keeps no process alive; whoever asks for a run waits for it.
    const alive = setInterval(() => undefined, ALIVE_MS);
    try {
      return await readRecordedRun(api, runId);
    } finally {
      clearInterval(alive);
      api.close();
    }
  }
  return {
    recordedRun,
    async replay<T>(
      from: string | RecordedRun,
      work: () => T,
      options: ReplayOptions = {},
    ): Promise<Replay<Awaited<T>>> {
      const run = typeof from === "string" ? await recordedRun(from) : from;
      const context: ReplayContext = { session: createReplaySession(run, options) };
      const { session } = context;
      const end = begin();
      const outcome = await contexts.run(context, async () => {
        try {
          return { result: await work() };
        } catch (error) {
          return { error };
        }
      });
      end();
      session.end();
      const { divergence } = session;
      return {
        verdict: divergence === undefined ? "reproduced" : "diverged",
        divergence,
        ...outcome,
        runId: context.runId,
      };
    },
  };
}
