import type { RunStatus, StepKind } from "@runledger/contract";
import { Icon } from "./icon.tsx";

export const STATUS_LABELS: Record<RunStatus, string> = {
  running: "Running",
  completed: "Completed",
  failed: "Failed",
  stopped: "Stopped",
  killed: "Killed",
  handed_off: "Handed off",
  abandoned: "Abandoned",
};
const STATUS_HINTS: Record<RunStatus, string> = {
  running: "Going on now",
  completed: "Ended by itself",
  failed: "Ended with an error",
  stopped: "Stopped by a limit",
  killed: "Killed by a person or a rule",
  handed_off: "Handed to a person or another agent",
  abandoned: "No end was recorded and no sign of life came: the process may have crashed",
};
export const KIND_LABELS: Record<StepKind, string> = {
  llm: "Model call",
  tool: "Tool call",
  decision: "Decision",
  guardrail: "Guardrail",
  approval: "Approval",
  handoff: "Hand-off",
  state: "State",
  limit: "Limit",
  agent: "Sub-agent",
  other: "Other",
};

export function StatusBadge({ status }: { status: RunStatus }) {
  return (
    <span className="status" data-status={status} title={STATUS_HINTS[status]}>
      <Icon name={status} />
      {STATUS_LABELS[status]}
    </span>
  );
}

export function KindIcon({ kind }: { kind: StepKind }) {
  return (
    <span className="kind" data-kind={kind} title={KIND_LABELS[kind]}>
      <Icon name={kind} />
      <span className="sr-only">{KIND_LABELS[kind]}</span>
    </span>
  );
}
