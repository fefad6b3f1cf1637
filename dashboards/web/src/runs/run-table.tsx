import type { Run } from "@runledger/contract";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { useNow } from "../ui/clock.tsx";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { Icon } from "../ui/icon.tsx";
import { RunRow } from "./run-row.tsx";
import type { RunOrder } from "./run-search.ts";

const ROW_PX = 46;
const OVERSCAN = 12;
/** The next page is fetched this many rows before the end. */
const AHEAD = 30;

type SortField = "start_time" | "duration_ms" | "steps" | "cost_usd";
const COLUMNS: { label: string; sort?: SortField; number?: boolean }[] = [
  { label: "Status" },
  { label: "Agent" },
  { label: "Task type" },
  { label: "Started", sort: "start_time", number: true },
  { label: "Duration", sort: "duration_ms", number: true },
  { label: "Steps", sort: "steps", number: true },
  { label: "Model / tool calls", number: true },
  { label: "Tokens in / out", number: true },
  { label: "Cost", sort: "cost_usd", number: true },
  { label: "Models" },
];

export interface RunTableProps {
  runs: Run[];
  loading: boolean;
  /** These are still the runs of the filters before. */
  stale: boolean;
  order: RunOrder;
  onOrder: (order: RunOrder) => void;
  more: { has: boolean; fetching: boolean; error: Error | null; fetch: () => void };
}

/** Only the rows in view exist; pages follow while one scrolls. */
export function RunTable({ runs, loading, stale, order, onOrder, more }: RunTableProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const nowMs = useNow();
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: (index) => runs[index]?.run_id ?? index,
  });
  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  const wanted = more.has && !more.fetching && !more.error && last >= runs.length - AHEAD;
  const fetchMore = more.fetch;
  useEffect(() => {
    if (wanted) fetchMore();
  }, [wanted, fetchMore]);

  useEffect(() => {
    if (stale) scroller.current?.scrollTo(0, 0);
  }, [stale]);

  return (
    <div className="run-scroll" ref={scroller} data-stale={stale}>
      <table
        className="run-table"
        aria-label="Runs"
        aria-rowcount={more.has ? -1 : runs.length + 1}
        aria-busy={loading || stale}
      >
        <thead>
          <tr className="run-head" aria-rowindex={1}>
            {COLUMNS.map((column) => (
              <ColumnHead key={column.label} {...column} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody className="run-rows" data-loading={loading} style={{ height: rows.getTotalSize() }}>
          {visible.map(({ index, start, key }) => {
            const run = runs[index];
            return run ? <RunRow key={key} run={run} index={index} top={start} nowMs={nowMs} /> : null;
          })}
        </tbody>
      </table>
      {more.fetching ? <p className="more muted">Loading more…</p> : null}
      {more.error ? (
        <FailureNotice title="More runs could not be loaded" error={more.error} onRetry={more.fetch} />
      ) : null}
    </div>
  );
}

interface ColumnHeadProps {
  label: string;
  sort?: SortField;
  number?: boolean;
  order: RunOrder;
  onOrder: (order: RunOrder) => void;
}

function ColumnHead({ label, sort, number, order, onOrder }: ColumnHeadProps) {
  const className = number ? "number" : undefined;
  if (!sort) {
    return (
      <th scope="col" className={className}>
        {label}
      </th>
    );
  }
  const descending = order === `-${sort}`;
  const sorted = descending || order === sort;
  return (
    <th scope="col" className={className} aria-sort={sorted ? (descending ? "descending" : "ascending") : "none"}>
      <button type="button" data-sorted={sorted} onClick={() => onOrder(descending ? sort : `-${sort}`)}>
        {label}
        <Icon name={sorted && !descending ? "up" : "down"} />
      </button>
    </th>
  );
}
