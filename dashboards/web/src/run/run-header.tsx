import type { RunDetail, Step } from "@runledger/contract";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { RunAlerts } from "../alerts/run-alerts.tsx";
import type { LiveState } from "../api/live.ts";
import { StopRun } from "../control/stop-run.tsx";
import { WaitingApprovals } from "../control/waiting-approvals.tsx";
import { callsWithout, count, exactUsd, plural, UNKNOWN, usd } from "../format/number.ts";
import { duration, epochMs } from "../format/time.ts";
import { RelativeTime, useNow } from "../ui/clock.tsx";
import { ErrorMessage } from "../ui/error-message.tsx";
import { Icon } from "../ui/icon.tsx";
import { LiveBadge } from "../ui/live-badge.tsx";
import { StatusBadge } from "../ui/status-badge.tsx";
import { Sum } from "../ui/sum.tsx";
import { RunRoots } from "./run-roots.tsx";
import type { Timeline } from "./timeline.ts";

interface RunHeaderProps {
  run: RunDetail;
  live: LiveState | null;
  repeats: Timeline["repeats"];
  steps: Step[];
  onSelect: (stepId: string) => void;
}

/** What happened, at a glance: how it went, why, how long, how much, and whether the record of it is whole. */
export function RunHeader({ run, live, repeats, steps, onSelect }: RunHeaderProps) {
  const repeat = repeats[0];
  return (
    <header className="run-header">
      <div className="run-title">
        <h1>
          {run.agent.name ?? "unnamed agent"} <span className="muted">{run.agent.version}</span>
        </h1>
        <StatusBadge status={run.status} />
        {run.outcome ? <span className="chip">{run.outcome}</span> : null}
        <Completeness run={run} />
        {run.conflicts > 0 ? (
          <span
            className="chip chip-warn"
            title="Steps that were sent twice with different content: all versions are kept"
          >
            {plural(run.conflicts, "conflict")}
          </span>
        ) : null}
        {repeat ? (
          <button type="button" className="chip chip-warn" onClick={() => onSelect(repeat.firstStepId)}>
            <Icon name="repeat" />
            {repeat.tool}: same call ×{count(repeat.count)}
          </button>
        ) : null}
        <RunAlerts runId={run.run_id} onSelect={onSelect} />
        {live ? <LiveBadge state={live} /> : null}
        {run.status === "running" ? <StopRun run={run} /> : null}
      </div>
      <WaitingApprovals runId={run.run_id} />
      {run.reason && run.reason !== run.error?.message ? (
        <p className="run-why" data-status={run.status}>
          {run.reason}
        </p>
      ) : null}
      {run.error ? (
        <p className="run-why" data-status="failed">
          <code>{run.error.type}</code> <ErrorMessage message={run.error.message} />
        </p>
      ) : null}
      <RunRoots run={run} steps={steps} onSelect={onSelect} />
      <RunFacts run={run} />
    </header>
  );
}

function RunFacts({ run }: { run: RunDetail }) {
  const nowMs = useNow(run.status === "running");
  const elapsedMs =
    run.status === "running" ? Math.max(run.duration_ms, nowMs - epochMs(run.start_time)) : run.duration_ms;
  return (
    <dl className="facts">
      <Fact label="Started">
        <RelativeTime time={run.start_time} nowMs={nowMs} />
      </Fact>
      <Fact label="Duration">{duration(elapsedMs)}</Fact>
      <Fact label="Steps">{count(run.steps)}</Fact>
      <Fact label="Model / tool calls" note={callsWithout("a result", run.tool_outcome_missing)}>
        {count(run.llm_calls)} / {count(run.tool_call_count)}
        {run.tool_errors > 0 ? <span className="bad"> {count(run.tool_errors)} failed</span> : null}
      </Fact>
      <TokenFacts run={run} />
      <Fact
        label="Cost"
        note={costNote(run)}
        hint={run.cost_usd ? exactUsd(run.cost_usd) : "No call has a known price"}
      >
        <Sum of={usd(run.cost_usd)} missing={run.cost_missing} />
      </Fact>
      <Fact label="Models" hint={run.models.join("\n")}>
        {run.models.join(", ") || UNKNOWN}
      </Fact>
      {run.task_type || run.task_id ? (
        <Fact label="Task" note={run.task_id}>
          {run.task_type ?? UNKNOWN}
        </Fact>
      ) : null}
      {run.user_id ? (
        <Fact label="User">
          <Link to="/" search={{ user: run.user_id, range: "all" }}>
            {run.user_id}
          </Link>
        </Fact>
      ) : null}
      {run.session_id ? (
        <Fact label="Session">
          <Link to="/" search={{ session: run.session_id, range: "all" }}>
            {run.session_id}
          </Link>
        </Fact>
      ) : null}
    </dl>
  );
}

function TokenFacts({ run }: { run: RunDetail }) {
  const cached = [
    run.cache_read_tokens ? `${count(run.cache_read_tokens)} cached` : null,
    run.cache_write_tokens ? `${count(run.cache_write_tokens)} to cache` : null,
    callsWithout("input tokens", run.input_missing),
  ];
  const written = [
    run.reasoning_tokens ? `${count(run.reasoning_tokens)} reasoning` : null,
    callsWithout("output tokens", run.output_missing),
  ];
  return (
    <>
      <Fact label="Tokens in" note={cached.filter(Boolean).join(", ")}>
        <Sum of={count(run.input_tokens)} missing={run.input_missing} />
      </Fact>
      <Fact label="Tokens out" note={written.filter(Boolean).join(", ")}>
        <Sum of={count(run.output_tokens)} missing={run.output_missing} />
      </Fact>
    </>
  );
}

function costNote(run: RunDetail): string | null {
  const missing = callsWithout("a known price", run.cost_missing);
  if (missing !== null) return missing;
  return run.price_table ? `${run.price_table} ${run.price_version ?? ""}` : null;
}

interface FactProps {
  label: string;
  note?: string | null;
  hint?: string | undefined;
  children: ReactNode;
}

function Fact({ label, note, hint, children }: FactProps) {
  return (
    <div title={hint}>
      <dt>{label}</dt>
      <dd>{children}</dd>
      {note ? <dd className="fact-note">{note}</dd> : null}
    </div>
  );
}

/** What is missing or contradicts itself, a line each. */
function gapLines({ gaps, records_expected }: RunDetail): string[] {
  return gaps.map(({ kind, first, last }) => {
    const which = first === last ? `Record ${first}` : `Records ${first} to ${last}`;
    if (kind === "missing") return `${which} never arrived, or not yet`;
    if (kind === "fork") return `There are several records ${first}`;
    return `${which}: here, while the run's end commits to ${records_expected} records`;
  });
}

function Completeness({ run }: { run: RunDetail }) {
  if (run.gaps.length > 0) {
    const [only] = run.gaps;
    return (
      <span className="chip chip-bad" title={`${gapLines(run).join("\n")}\nrunledger verify tells why`}>
        {run.gaps.length === 1 && only ? gapLines(run)[0] : `Gaps: ${plural(run.gaps.length, "place")}`}
      </span>
    );
  }
  if (run.complete === true && !run.numbered) {
    return (
      <span
        className="chip"
        title="Its sender does not number its records, so nobody can say that none is missing. The root span and every parent that a record names are here."
      >
        Not numbered
      </span>
    );
  }
  if (run.complete === true) {
    return (
      <span
        className="chip chip-good"
        title={
          run.records_expected === null
            ? "The root span and every parent that a record names are here"
            : `All ${run.records_expected} records that the run's end commits to are here`
        }
      >
        <Icon name="check" />
        No gaps
      </span>
    );
  }
  if (run.complete === false && run.records_expected === null) {
    const parents = run.missing_parents;
    return (
      <span
        className="chip chip-bad"
        title={
          parents.length === 0
            ? "The root span is missing"
            : `Spans that records name as their parent:\n${parents.join("\n")}`
        }
      >
        {parents.length === 0 ? "No root" : `Gaps: ${plural(parents.length, "missing parent")}`}
      </span>
    );
  }
  if (run.complete === false) {
    return (
      <span className="chip chip-bad" title="Records that the run's end commits to are missing">
        Gaps: {count(run.records)} of {count(run.records_expected)} records
      </span>
    );
  }
  const hint =
    run.status === "running"
      ? "Known when the run ends"
      : "The run's end, which commits to a number of records, was not seen";
  return (
    <span className="chip" title={hint}>
      {run.status === "running" ? plural(run.records, "record") : "Completeness unknown"}
    </span>
  );
}
