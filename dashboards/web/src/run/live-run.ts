import type { Run, RunDetail, Step } from "@runledger/contract";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { type LiveState, useLive } from "../api/live.ts";
import { fetchSteps, runQuery } from "../api/queries.ts";
import { useReason } from "../reason/reason.ts";
import { createStepStore, type StepsState } from "./step-store.ts";

export interface LiveRun {
  run: RunDetail | undefined;
  error: Error | null;
  steps: StepsState;
  /** null once the run has ended. */
  live: LiveState | null;
  retry: () => void;
}

/** A run and its steps, growing while it goes on. */
export function useLiveRun(runId: string): LiveRun {
  const client = useQueryClient();
  const { data: run, error, refetch } = useQuery(runQuery(runId));
  const store = useMemo(() => createStepStore((cursor, signal) => fetchSteps(runId, cursor, signal)), [runId]);
  const steps = useSyncExternalStore(store.subscribe, store.state);
  const running = run?.status === "running";
  const reason = useReason();
  const phase = run === undefined ? null : running ? "running" : "ended";
  // Read again when the run has ended: late steps may have changed the order of those before; and for another reason, which is on record.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the reason goes with each request by itself
  useEffect(() => {
    if (phase === null) return;
    const stopped = new AbortController();
    void store.load("start", stopped.signal);
    // What is told live does not say whether a run without a count is complete.
    if (phase === "ended") void refetch();
    return () => stopped.abort();
  }, [store, phase, refetch, reason]);

  const live = useLive({
    url: running ? `/v1/runs/${encodeURIComponent(runId)}/live` : null,
    events: {
      run: (data) =>
        client.setQueryData(runQuery(runId).queryKey, (known) => ({
          tool_calls: known?.tool_calls ?? [],
          missing_parents: known?.missing_parents ?? [],
          numbered: known?.numbered ?? false,
          gaps: known?.gaps ?? [],
          roots: known?.roots ?? [],
          ...(data as Run),
        })),
      step: (data) => store.add(data as Step),
    },
    poll: async (signal) => {
      await Promise.all([refetch(), store.load("tail", signal)]);
    },
  });
  const retry = () => {
    void refetch();
    void store.load("start", new AbortController().signal);
  };
  return { run, error, steps, live: running ? live : null, retry };
}
