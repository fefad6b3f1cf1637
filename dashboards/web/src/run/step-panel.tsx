import type { Step } from "@runledger/contract";
import { duration, exactTime, offset } from "../format/time.ts";
import { CopyButton } from "../ui/copy-button.tsx";
import { ErrorMessage } from "../ui/error-message.tsx";
import { Icon } from "../ui/icon.tsx";
import { KIND_LABELS, KindIcon } from "../ui/status-badge.tsx";
import { PrivacyNote } from "./privacy-note.tsx";
import { StepContent } from "./step-content.tsx";
import { addressOf, type TimelineRow } from "./timeline.ts";

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
        <StepContent runId={runId} step={step} steps={steps} onSelect={onSelect} />
      </div>
    </aside>
  );
}

function StepSummary({ row: { step, startMs, repeat } }: { row: TimelineRow }) {
  return (
    <p className="step-summary">
      <span>{KIND_LABELS[step.kind]}</span>
      <StepStatus status={step.status} />
      <span title={exactTime(step.start_time)}>{offset(startMs)}</span>
      {step.latency_ms === null ? null : <span>took {duration(step.latency_ms)}</span>}
      {repeat ? (
        <span className="mark mark-warn">
          same call, {repeat.nth} of {repeat.of}
        </span>
      ) : null}
      {step.conflict ? <span className="mark mark-warn">conflict</span> : null}
    </p>
  );
}

function StepStatus({ status }: Pick<Step, "status">) {
  if (status === null) return <span className="muted">no result seen: how it went is not known</span>;
  return (
    <span data-status={status} className="step-status">
      <Icon name={status === "ok" ? "completed" : "failed"} />
      {status === "ok" ? "OK" : "Error"}
    </span>
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
