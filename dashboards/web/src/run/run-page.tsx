import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { CopyButton } from "../ui/copy-button.tsx";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { Icon } from "../ui/icon.tsx";
import { usePageTitle } from "../ui/page-title.ts";
import { useLiveRun } from "./live-run.ts";
import { RunHeader } from "./run-header.tsx";
import { StepPanel } from "./step-panel.tsx";
import { createTimeline, findRow } from "./timeline.ts";
import { Waterfall } from "./waterfall.tsx";

/** A run as it went: every step on the time axis, and what went in and out of the chosen one. */
export function RunPage() {
  const { runId } = useParams({ from: "/runs/$runId" });
  const { step: chosenId } = useSearch({ from: "/runs/$runId" });
  const navigate = useNavigate({ from: "/runs/$runId" });
  const { run, error, steps, live, retry } = useLiveRun(runId);
  const name = run?.agent.name ?? "Run";
  usePageTitle(`${name} ${runId.slice(0, 8)}`);
  const startTime = run?.start_time;
  const timeline = useMemo(() => (startTime ? createTimeline(steps.steps, startTime) : null), [steps.steps, startTime]);
  const select = useCallback(
    (stepId: string) => void navigate({ search: { step: stepId }, replace: true }),
    [navigate],
  );
  const close = useCallback(() => void navigate({ search: {}, replace: true }), [navigate]);

  if (!run || !timeline) {
    return (
      <div className="page">
        <Breadcrumb runId={runId} />
        {error ? (
          <FailureNotice title="The run could not be loaded" error={error} onRetry={retry} />
        ) : (
          <p className="muted" role="status">
            Loading the run…
          </p>
        )}
      </div>
    );
  }
  const at = findRow(timeline.rows, chosenId);
  const chosen = timeline.rows[at];
  return (
    <div className="page run-page">
      <Breadcrumb runId={runId} />
      <RunHeader run={run} live={live} repeats={timeline.repeats} steps={steps.steps} onSelect={select} />
      <div className="run-panes" data-open={chosen !== undefined}>
        <section className="timeline-pane" aria-label="Timeline">
          {steps.error ? (
            <FailureNotice title="The steps could not be loaded" error={steps.error} onRetry={retry} />
          ) : null}
          <Waterfall timeline={timeline} run={run} loaded={steps.loaded} chosenAt={at} onSelect={select} />
        </section>
        {chosen ? (
          <StepPanel
            key={chosen.step.record_id}
            runId={runId}
            row={chosen}
            steps={steps.steps}
            previous={timeline.rows[at - 1]?.step}
            next={timeline.rows[at + 1]?.step}
            onSelect={select}
            onClose={close}
          />
        ) : (
          <aside className="step-panel step-panel-empty">
            <p className="muted">
              {chosenId && steps.loaded
                ? `There is no step ${chosenId} in this run.`
                : "Choose a step to see what went in and came out."}
            </p>
          </aside>
        )}
      </div>
    </div>
  );
}

function Breadcrumb({ runId }: { runId: string }) {
  return (
    <nav className="breadcrumb" aria-label="Breadcrumb">
      <Link to="/">Runs</Link>
      <Icon name="right" />
      <span className="mono" aria-current="page">
        {runId}
      </span>
      <CopyButton text={runId} label="run id" />
    </nav>
  );
}
