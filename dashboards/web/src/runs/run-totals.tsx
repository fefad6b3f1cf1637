import type { RunStatus } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { COUNT_LIMIT, countQuery, usageQuery } from "../api/queries.ts";
import { callsWithout, count, exactUsd, percent, shortCount, UNKNOWN, usd } from "../format/number.ts";
import { Sum } from "../ui/sum.tsx";
import type { RunSearch } from "./run-search.ts";

interface RunTotalsProps {
  search: RunSearch;
  /** The list is there: now the sums may be asked for. */
  ready: boolean;
  onStatus: (status: RunStatus) => void;
}

/** A few sums over the chosen time range; the filters do not change them. */
export function RunTotals({ search, ready, onStatus }: RunTotalsProps) {
  const usage = useQuery(usageQuery(search, "", ready));
  const row = usage.data?.items[0];
  const missing = [
    callsWithout("input tokens", row?.input_missing ?? 0),
    callsWithout("output tokens", row?.output_missing ?? 0),
  ];
  const unpriced = callsWithout("a known price", row?.cost_missing ?? 0);
  return (
    <dl className="totals" aria-label="Totals of the time range">
      <Total label="Runs">{count(row?.runs ?? null)}</Total>
      <StatusTotal label="Running" status="running" search={search} ready={ready} onStatus={onStatus} />
      <StatusTotal label="Failed" status="failed" search={search} ready={ready} onStatus={onStatus} />
      <StatusTotal label="Stopped" status="stopped" search={search} ready={ready} onStatus={onStatus} />
      <Total label="Success" hint="Completed, of the runs that have ended">
        {percent(row?.success_rate ?? null)}
      </Total>
      <Total label="Tokens in / out" hint={missing.filter(Boolean).join(", ") || undefined}>
        <Sum of={shortCount(row?.input_tokens ?? null)} missing={row?.input_missing ?? 0} />{" "}
        <span className="muted">/</span>{" "}
        <Sum of={shortCount(row?.output_tokens ?? null)} missing={row?.output_missing ?? 0} />
      </Total>
      <Total
        label="Cost"
        hint={row?.cost_usd ? [exactUsd(row.cost_usd), unpriced].filter(Boolean).join(", ") : undefined}
      >
        <Sum of={usd(row?.cost_usd ?? null)} missing={row?.cost_missing ?? 0} />
      </Total>
    </dl>
  );
}

function Total({ label, hint, children }: { label: string; hint?: string | undefined; children: ReactNode }) {
  return (
    <div title={hint}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function StatusTotal({
  label,
  status,
  search,
  ready,
  onStatus,
}: RunTotalsProps & { label: string; status: RunStatus }) {
  const { data } = useQuery(countQuery(search, status, ready));
  const text = data ? `${count(data.count)}${data.more ? "+" : ""}` : UNKNOWN;
  return (
    <Total label={label} hint={data?.more ? `More than ${COUNT_LIMIT}` : undefined}>
      <button
        type="button"
        className="total-button"
        data-status={data?.count ? status : undefined}
        aria-label={`${text} ${label.toLowerCase()}: show only these`}
        onClick={() => onStatus(status)}
      >
        {text}
      </button>
    </Total>
  );
}
