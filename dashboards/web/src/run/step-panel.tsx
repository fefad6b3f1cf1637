import type { Step } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import { stepQuery } from "../api/queries.ts";
import { duration, exactTime, offset } from "../format/time.ts";
import { CopyButton } from "../ui/copy-button.tsx";
import { ErrorMessage } from "../ui/error-message.tsx";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { Icon } from "../ui/icon.tsx";
import { KIND_LABELS, KindIcon } from "../ui/status-badge.tsx";
import { AgentContent } from "./agent-content.tsx";
import { GoneContent } from "./gone-content.tsx";
import { LlmContent } from "./llm-content.tsx";
import { PrivacyNote } from "./privacy-note.tsx";
import { OtherContent, Proof } from "./step-record.tsx";
import { addressOf, type TimelineRow } from "./timeline.ts";
import { ToolContent } from "./tool-content.tsx";
import { isWithheld, WithheldContent } from "./withheld-content.tsx";

interface StepPanelProps {
  runId: string;
  row: TimelineRow;
  steps: Step[];
  previous: Step | undefined;
  next: Step | undefined;
  onSelect: (stepId: string) => void;
  onClose: () => void;
}

/** Everything that went into a step and came out of it, and where the log proves it. */
export function StepPanel({ runId, row, steps, previous, next, onSelect, onClose }: StepPanelProps) {
  const { step } = row;
  const detail = useQuery(stepQuery(runId, step));
  const isKeyed = (step.privacy?.withheld.length ?? 0) > 0;
  return (
    <aside className="step-panel" aria-label={`Step ${step.seq}: ${step.name}`}>
      <header className="step-head">
        <KindIcon kind={step.kind} />
        <h2 className="cut" title={step.name}>
          <span className="muted">{step.seq}</span> {step.name}
        </h2>
        <StepButton name="up" label="Previous step" to={previous} onSelect={onSelect} />
        <StepButton name="down" label="Next step" to={next} onSelect={onSelect} />
        <CopyButton text={window.location.href} label="link to this step" />
        <button type="button" className="icon-button" aria-label="Close step" title="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="step-body" key={step.record_id}>
        <StepSummary row={row} />
        {step.error ? (
          <div className="step-error">
            <code>{step.error.type}</code>
            <p>
              <ErrorMessage message={step.error.message} />
            </p>
          </div>
        ) : null}
        {step.privacy ? <PrivacyNote privacy={step.privacy} /> : null}
        {detail.error && isWithheld(detail.error) ? (
          <WithheldContent error={detail.error} />
        ) : detail.error ? (
          <FailureNotice
            title="The content could not be loaded"
            error={detail.error}
            onRetry={() => void detail.refetch()}
          />
        ) : null}
        {detail.isPending ? (
          <p className="muted" role="status">
            Loading…
          </p>
        ) : null}
        {detail.data ? (
          <>
            {detail.data.content === "pending" ? (
              <p className="pending" role="status">
                <Icon name="running" className="spin" /> The content is on its way into the log; it appears here by
                itself.
              </p>
            ) : null}
            <GoneContent step={detail.data} />
            {detail.data.llm ? (
              <LlmContent llm={detail.data.llm} available={detail.data.content === "available"} keyed={isKeyed} />
            ) : null}
            {detail.data.tool ? (
              <ToolContent
                tool={detail.data.tool}
                available={detail.data.content === "available"}
                keyed={isKeyed}
                steps={steps}
                onSelect={onSelect}
              />
            ) : null}
            <AgentContent step={detail.data} />
            <OtherContent step={detail.data} />
            <Proof step={detail.data} />
          </>
        ) : null}
      </div>
    </aside>
  );
}

function StepSummary({ row: { step, startMs, repeat } }: { row: TimelineRow }) {
  return (
    <p className="step-summary">
      <span>{KIND_LABELS[step.kind]}</span>
      <span data-status={step.status} className="step-status">
        <Icon name={step.status === "ok" ? "completed" : "failed"} />
        {step.status === "ok" ? "OK" : "Error"}
      </span>
      <span title={exactTime(step.start_time)}>{offset(startMs)}</span>
      <span>took {duration(step.latency_ms)}</span>
      {repeat ? (
        <span className="mark mark-warn">
          same call, {repeat.nth} of {repeat.of}
        </span>
      ) : null}
      {step.conflict ? <span className="mark mark-warn">conflict</span> : null}
    </p>
  );
}

interface StepButtonProps {
  name: "up" | "down";
  label: string;
  to: Step | undefined;
  onSelect: (stepId: string) => void;
}

function StepButton({ name, label, to, onSelect }: StepButtonProps) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={label}
      disabled={to === undefined}
      onClick={() => to && onSelect(addressOf(to))}
    >
      <Icon name={name} />
    </button>
  );
}
