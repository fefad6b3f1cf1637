import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { AlertList } from "../alerts/alert-list.tsx";
import { anyRunQuery, runsQuery } from "../api/queries.ts";
import { asksForReason } from "../reason/reason-prompt.tsx";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { LiveBadge } from "../ui/live-badge.tsx";
import { usePageTitle } from "../ui/page-title.ts";
import { FirstRun } from "./first-run.tsx";
import { useLiveRuns } from "./live-runs.ts";
import { RunFilters } from "./run-filters.tsx";
import { isFiltered, type RunSearch, readRunSearch } from "./run-search.ts";
import { RunTable } from "./run-table.tsx";
import { RunTotals } from "./run-totals.tsx";

/** All runs of a time range, newest first, as they happen. */
export function RunsPage() {
  usePageTitle("Runs");
  const search = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  const runs = useInfiniteQuery(runsQuery(search));
  const live = useLiveRuns(search);
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const empty = runs.isSuccess && !runs.isPlaceholderData && items.length === 0;
  const anyRun = useQuery(anyRunQuery(empty));
  const setSearch = (change: Record<string, string | undefined>, replace = false) =>
    void navigate({ search: (previous) => readRunSearch({ ...previous, ...change }), replace });

  if (empty && anyRun.data?.items.length === 0) return <FirstRun />;
  return (
    <div className="page runs-page">
      <div className="page-head">
        <h1>Runs</h1>
        <LiveBadge state={live} />
        <RunTotals search={search} ready={!runs.isPending} onStatus={(status) => setSearch({ status })} />
      </div>
      <AlertList />
      <RunFilters search={search} ready={!runs.isPending} onChange={setSearch} />
      {runs.error && (items.length === 0 || asksForReason(runs.error)) ? (
        <FailureNotice title="The runs could not be loaded" error={runs.error} onRetry={() => void runs.refetch()} />
      ) : (
        <RunTable
          runs={items}
          loading={runs.isPending}
          stale={runs.isPlaceholderData}
          order={search.order ?? "-start_time"}
          onOrder={(order) => setSearch({ order })}
          more={{
            has: runs.hasNextPage,
            fetching: runs.isFetchingNextPage,
            error: runs.isFetchNextPageError ? runs.error : null,
            fetch: () => void runs.fetchNextPage(),
          }}
        />
      )}
      {empty ? <NothingFound search={search} onChange={setSearch} /> : null}
    </div>
  );
}

function NothingFound({
  search,
  onChange,
}: {
  search: RunSearch;
  onChange: (change: Record<string, string | undefined>) => void;
}) {
  return (
    <div className="empty" role="status">
      <h2>No runs here</h2>
      <p>{isFiltered(search) ? "No run of this time fits the filters." : "Nothing ran in this time."}</p>
      <button type="button" className="button" onClick={() => onChange({ range: "all" })}>
        Look at all time
      </button>
    </div>
  );
}
