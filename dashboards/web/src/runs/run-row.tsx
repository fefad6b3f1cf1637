import type { Run } from "@runledger/contract";
import { Link } from "@tanstack/react-router";
import type { KeyboardEvent } from "react";
import { StopRun } from "../control/stop-run.tsx";
import { callsWithout, count, exactUsd, plural, shortCount, usd } from "../format/number.ts";
import { duration, epochMs } from "../format/time.ts";
import { RelativeTime } from "../ui/clock.tsx";
import { StatusBadge } from "../ui/status-badge.tsx";
import { Sum } from "../ui/sum.tsx";

/** One run; the whole row is its link. */
export function RunRow({ run, index, top, nowMs }: { run: Run; index: number; top: number; nowMs: number }) {
  // A limit or a person that stopped the run says more than the error this made in the agent.
  const why = run.reason ?? run.error?.message ?? run.error?.type ?? run.outcome;
  return (
    <tr className="run-row" aria-rowindex={index + 2} style={{ transform: `translateY(${top}px)` }}>
      <td className="two-lines">
        <span className="status-line">
          <StatusBadge status={run.status} />
          {run.status === "running" ? <StopRun run={run} small /> : null}
        </span>
        <span className="line-two" data-bad={run.error !== null} title={why ?? undefined}>
          {why}
        </span>
      </td>
      <td className="two-lines">
        <Link to="/runs/$runId" params={{ runId: run.run_id }} className="row-link" onKeyDown={moveFocus}>
          {run.agent.name ?? "unnamed agent"} <span className="muted">{run.agent.version}</span>
        </Link>
        <span className="line-two mono">{run.run_id}</span>
      </td>
      <td className="cut">{run.task_type ?? <Unknown hint="The agent gave no task type" />}</td>
      <td className="number muted">
        <RelativeTime time={run.start_time} nowMs={nowMs} />
      </td>
      <td className="number">
        {duration(
          run.status === "running" ? Math.max(run.duration_ms, nowMs - epochMs(run.start_time)) : run.duration_ms,
        )}
      </td>
      <td className="number">{count(run.steps)}</td>
      <td className="number">
        <Calls run={run} />
      </td>
      <td className="number">
        <Tokens run={run} />
      </td>
      <td className="number">
        <Cost run={run} />
      </td>
      <td className="cut muted" title={run.models.join("\n")}>
        {run.models.join(", ")}
      </td>
    </tr>
  );
}

/** Up and down move between the rows' links. */
function moveFocus(event: KeyboardEvent<HTMLAnchorElement>) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const row = event.currentTarget.closest("tr");
  const next = event.key === "ArrowDown" ? row?.nextElementSibling : row?.previousElementSibling;
  event.preventDefault();
  next?.querySelector<HTMLAnchorElement>(".row-link")?.focus();
}

function Calls({ run }: { run: Run }) {
  return (
    <>
      {count(run.llm_calls)} <span className="muted">/</span> {count(run.tool_call_count)}
      {run.tool_errors > 0 ? (
        <span className="bad calls-bad" title={plural(run.tool_errors, "failed tool call")}>
          {count(run.tool_errors)} err
        </span>
      ) : null}
    </>
  );
}

function Tokens({ run }: { run: Run }) {
  const hints = [
    `${count(run.input_tokens)} in, ${count(run.output_tokens)} out`,
    callsWithout("input tokens", run.input_missing),
    callsWithout("output tokens", run.output_missing),
  ];
  return (
    <span title={hints.filter(Boolean).join("\n")}>
      <Sum of={shortCount(run.input_tokens)} missing={run.input_missing} /> <span className="muted">/</span>{" "}
      <Sum of={shortCount(run.output_tokens)} missing={run.output_missing} />
    </span>
  );
}

function Cost({ run }: { run: Run }) {
  const missing = callsWithout("a known price", run.cost_missing);
  const hint = [run.cost_usd ? exactUsd(run.cost_usd) : null, missing].filter(Boolean).join("\n");
  return (
    <span title={hint || "No model calls"}>
      <Sum of={usd(run.cost_usd)} missing={run.cost_missing} />
    </span>
  );
}

function Unknown({ hint }: { hint: string }) {
  return (
    <span className="muted" title={hint}>
      —
    </span>
  );
}
