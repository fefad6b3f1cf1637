import type { Run, RunList } from "@runledger/contract";
import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { type LiveState, useLive } from "../api/live.ts";
import { fetchNewestRuns, runsQuery } from "../api/queries.ts";
import { asksForReason } from "../reason/reason-prompt.tsx";
import { matches, type RunSearch } from "./run-search.ts";

type RunPages = InfiniteData<RunList, unknown>;

/** Keeps the shown list up to date: running runs change in place, new ones appear on top. */
export function useLiveRuns(search: RunSearch): LiveState {
  const client = useQueryClient();
  const { queryKey } = runsQuery(search);
  const update = (runs: Run[]) => {
    client.setQueryData(queryKey, (data: RunPages | undefined) =>
      data ? runs.reduceRight((pages, run) => withRun(pages, run, search), data) : data,
    );
  };
  return useLive({
    url: "/v1/live",
    events: {
      run: (data) => update([data as Run]),
    },
    poll: async (signal) => {
      try {
        update((await fetchNewestRuns(search, signal)).items);
      } catch (error) {
        // The list itself is refused now, too, and tells what it wants.
        if (asksForReason(error)) await client.refetchQueries({ queryKey });
        throw error;
      }
    },
  });
}

/** The pages with this run in its newest state; the same object when it has no place there. */
export function withRun(data: RunPages, run: Run, search: RunSearch): RunPages {
  const fits = matches(run, search);
  const at = data.pages.findIndex((page) => page.items.some((item) => item.run_id === run.run_id));
  if (at >= 0) {
    const pages = data.pages.map((page, index) =>
      index === at ? { ...page, items: replaced(page.items, run, fits) } : page,
    );
    return { ...data, pages };
  }
  const [first, ...rest] = data.pages;
  const newestFirst = search.order === undefined;
  if (!first || fits !== true || !newestFirst) return data;
  const place = first.items.findIndex((item) => item.start_time <= run.start_time);
  if (place < 0 && first.next_cursor !== null) return data;
  const items = place < 0 ? [...first.items, run] : first.items.toSpliced(place, 0, run);
  return { ...data, pages: [{ ...first, items }, ...rest] };
}

function replaced(items: Run[], run: Run, fits: boolean | null): Run[] {
  if (fits === false) return items.filter((item) => item.run_id !== run.run_id);
  return items.map((item) => (item.run_id === run.run_id ? run : item));
}
