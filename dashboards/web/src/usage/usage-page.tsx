import type { UsageRow } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { usageQuery } from "../api/queries.ts";
import { callsWithout, count, exactUsd, percent, shortCount, UNKNOWN, usd } from "../format/number.ts";
import { duration } from "../format/time.ts";
import { DEFAULT_RANGE, RANGES } from "../runs/run-search.ts";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { usePageTitle } from "../ui/page-title.ts";
import { Sum } from "../ui/sum.tsx";
import { readUsageSearch, USAGE_DIMENSIONS, type UsageDimension } from "./usage-search.ts";

const LABELS: Record<UsageDimension, string> = {
  agent: "Agent",
  task_type: "Task type",
  model: "Model",
  tool: "Tool",
  user: "User",
};

/** What was used, by one dimension, dearest first. */
export function UsagePage() {
  usePageTitle("Usage");
  const search = useSearch({ from: "/usage" });
  const navigate = useNavigate({ from: "/usage" });
  const by = search.by ?? "agent";
  const usage = useQuery(usageQuery(search, by));
  const change = (name: string, value: string) =>
    void navigate({ search: (previous) => readUsageSearch({ ...previous, [name]: value }), replace: true });
  const rows = (usage.data?.items ?? []).toSorted((a, b) => Number(b.cost_usd ?? -1) - Number(a.cost_usd ?? -1));
  return (
    <div className="page usage-page">
      <div className="page-head">
        <h1>Usage</h1>
        <label className="filter">
          <span>By</span>
          <select value={by} onChange={(event) => change("by", event.target.value)}>
            {USAGE_DIMENSIONS.map((value) => (
              <option key={value} value={value}>
                {LABELS[value]}
              </option>
            ))}
          </select>
        </label>
        <label className="filter">
          <span>Started</span>
          <select value={search.range ?? DEFAULT_RANGE} onChange={(event) => change("range", event.target.value)}>
            {RANGES.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
      {usage.error ? (
        <FailureNotice title="Usage could not be loaded" error={usage.error} onRetry={() => void usage.refetch()} />
      ) : (
        <div className="usage-scroll">
          <UsageTable dimension={by} rows={rows} loading={usage.isPending} />
        </div>
      )}
    </div>
  );
}

function UsageTable({ dimension, rows, loading }: { dimension: UsageDimension; rows: UsageRow[]; loading: boolean }) {
  return (
    <table className="usage-table" aria-busy={loading}>
      <thead>
        <tr>
          <th scope="col">{LABELS[dimension]}</th>
          {["Runs", "Success", "Steps", "p95 steps", "p95 time", "Model calls", "Tool calls", "Tool success"].map(
            (name) => (
              <th scope="col" key={name} className="number">
                {name}
              </th>
            ),
          )}
          <th scope="col" className="number">
            Tokens in
          </th>
          <th scope="col" className="number">
            Tokens out
          </th>
          <th scope="col" className="number">
            Cost
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <UsageLine key={row.group[dimension] ?? ""} name={row.group[dimension] ?? null} row={row} />
        ))}
        {rows.length === 0 && !loading ? (
          <tr>
            <td colSpan={12} className="muted">
              Nothing ran in this time.
            </td>
          </tr>
        ) : null}
      </tbody>
    </table>
  );
}

function UsageLine({ name, row }: { name: string | null; row: UsageRow }) {
  return (
    <tr>
      <th scope="row">{name || <span className="muted">not given</span>}</th>
      <td className="number">{count(row.runs)}</td>
      <td className="number">{percent(row.success_rate)}</td>
      <td className="number">{shortCount(row.steps)}</td>
      <td className="number">{row.steps_p95 === null ? UNKNOWN : count(Math.round(row.steps_p95))}</td>
      <td className="number">{row.latency_p95_ms === null ? UNKNOWN : duration(row.latency_p95_ms)}</td>
      <td className="number">{shortCount(row.llm_calls)}</td>
      <td className="number">{shortCount(row.tool_calls)}</td>
      <td className="number" title={callsWithout("a result", row.tool_outcome_missing) ?? undefined}>
        {percent(row.tool_success_rate)}
      </td>
      <td className="number" title={callsWithout("input tokens", row.input_missing) ?? undefined}>
        <Sum of={shortCount(row.input_tokens)} missing={row.input_missing} />
      </td>
      <td className="number" title={callsWithout("output tokens", row.output_missing) ?? undefined}>
        <Sum of={shortCount(row.output_tokens)} missing={row.output_missing} />
      </td>
      <td className="number" title={row.cost_usd ? exactUsd(row.cost_usd) : "No call has a known price"}>
        <Sum of={usd(row.cost_usd)} missing={row.cost_missing} />
      </td>
    </tr>
  );
}
