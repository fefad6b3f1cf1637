import type { RunStatus } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { COUNT_LIMIT, countQuery, usageQuery } from "../api/queries.ts";
import { count, exactUsd, percent, plural, shortCount, UNKNOWN, usd } from "../format/number.ts";
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
  const missing = row?.usage_missing ? `${plural(row.usage_missing, "call")} without usage` : undefined;
  const unpriced = row?.cost_missing ? `, ${plural(row.cost_missing, "call")} without a known price` : "";
  return (
    <dl className="totals" aria-label="Totals of the time range">
      <Total label="Runs">{count(row?.runs ?? null)}</Total>
      <StatusTotal label="Running" status="running" search={search} ready={ready} onStatus={onStatus} />
      <StatusTotal label="Failed" status="failed" search={search} ready={ready} onStatus={onStatus} />
      <StatusTotal label="Stopped" status="stopped" search={search} ready={ready} onStatus={onStatus} />
      <Total label="Success" hint="Completed, of the runs that have ended">
        {percent(row?.success_rate ?? null)}
      </Total>
      <Total label="Tokens in / out" hint={missing}>
        {shortCount(row?.input_tokens ?? null)} <span className="muted">/</span>{" "}
        {shortCount(row?.output_tokens ?? null)}
      </Total>
      <Total label="Cost" hint={row?.cost_usd ? `${exactUsd(row.cost_usd)}${unpriced}` : undefined}>
        {usd(row?.cost_usd ?? null)}
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
