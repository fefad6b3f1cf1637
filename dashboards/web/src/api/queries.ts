import type { Alert, Run, RunDetail, RunList, Step, StepDetail, StepList, Usage } from "@runledger/contract";
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type RunSearch, sinceOf } from "../runs/run-search.ts";
import { getJson, RequestError } from "./request.ts";

const RUNS_PAGE = 100;
const STEPS_PAGE = 1_000;
const ALERTS_EVERY_MS = 3_000;
const ALERTS_SHOWN = 50;
const TOTALS_EVERY_MS = 10_000;
const PENDING_CONTENT_EVERY_MS = 1_500;
/** Runs of a status are counted up to here, then shown as "100+". */
export const COUNT_LIMIT = 100;

/** The list's filters as the API names them. */
export function runFilters(search: RunSearch) {
  const { range: _range, order, ...filters } = search;
  return { ...filters, since: sinceOf(search), order: order ?? "-start_time" };
}

export const runsQuery = (search: RunSearch) =>
  infiniteQueryOptions({
    queryKey: ["runs", search],
    queryFn: ({ pageParam, signal }) =>
      getJson<RunList>("/v1/runs", { ...runFilters(search), limit: RUNS_PAGE, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 30_000,
    refetchOnWindowFocus: false,
    placeholderData: keepPreviousData,
  });

/** The newest runs of these filters: what polling asks when there is no event stream. */
export const fetchNewestRuns = (search: RunSearch, signal: AbortSignal) =>
  getJson<RunList>("/v1/runs", { ...runFilters(search), limit: RUNS_PAGE }, signal);

export const anyRunQuery = (enabled: boolean) =>
  queryOptions({
    queryKey: ["any-run"],
    queryFn: ({ signal }) => getJson<RunList>("/v1/runs", { limit: 1 }, signal),
    enabled,
    refetchInterval: ({ state }) => (state.data?.items.length === 0 ? ALERTS_EVERY_MS : false),
  });

/** Sums and choices can wait for the list: a browser makes six calls at a time, and one of them is the event stream. */
export const countQuery = (search: RunSearch, status: Run["status"], enabled: boolean) =>
  queryOptions({
    queryKey: ["run-count", status, search.range],
    queryFn: async ({ signal }) => {
      const page = await getJson<RunList>("/v1/runs", { since: sinceOf(search), status, limit: COUNT_LIMIT }, signal);
      return { count: page.items.length, more: page.next_cursor !== null };
    },
    enabled,
    refetchInterval: TOTALS_EVERY_MS,
  });

export const usageQuery = (search: RunSearch, groupBy: string, enabled = true) =>
  queryOptions({
    queryKey: ["usage", groupBy, search.range],
    queryFn: ({ signal }) => getJson<Usage>("/v1/usage", { group_by: groupBy, since: sinceOf(search) }, signal),
    enabled,
    refetchInterval: groupBy ? false : TOTALS_EVERY_MS,
    staleTime: groupBy ? 60_000 : 0,
  });

/** Newest first; all states unless one is asked for. */
export const alertsQuery = (filter: { state?: Alert["state"]; run_id?: string }) =>
  queryOptions({
    queryKey: ["alerts", filter],
    queryFn: ({ signal }) => getJson<{ items: Alert[] }>("/v1/alerts", { ...filter, limit: ALERTS_SHOWN }, signal),
    refetchInterval: ALERTS_EVERY_MS,
  });

export const runQuery = (runId: string) =>
  queryOptions({
    queryKey: ["run", runId],
    queryFn: ({ signal }) => getJson<RunDetail>(`/v1/runs/${encodeURIComponent(runId)}`, {}, signal),
  });

export const stepQuery = (runId: string, step: Pick<Step, "step_id" | "record_id">) =>
  queryOptions({
    queryKey: ["step", runId, step.record_id],
    queryFn: ({ signal }) =>
      getJson<StepDetail>(
        `/v1/runs/${encodeURIComponent(runId)}/steps/${encodeURIComponent(step.step_id)}`,
        { record_id: step.record_id },
        signal,
      ),
    refetchInterval: ({ state }) => (state.data?.content === "pending" ? PENDING_CONTENT_EVERY_MS : false),
    // A recorded step does not change; only pending content does.
    staleTime: 60_000,
  });

export const fetchSteps = (runId: string, cursor: string, signal: AbortSignal) =>
  getJson<StepList>(`/v1/runs/${encodeURIComponent(runId)}/steps`, { limit: STEPS_PAGE, cursor }, signal);

/** Refused calls are not repeated; what may pass is, twice. */
export function shouldRetry(failures: number, error: Error): boolean {
  return failures < 2 && error instanceof RequestError && error.retryable;
}
