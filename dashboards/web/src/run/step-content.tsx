import type { Step } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import { stepQuery } from "../api/queries.ts";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { Icon } from "../ui/icon.tsx";
import { AgentContent } from "./agent-content.tsx";
import { GoneContent } from "./gone-content.tsx";
import { LlmContent } from "./llm-content.tsx";
import { OtherContent, Proof } from "./step-record.tsx";
import { ToolContent } from "./tool-content.tsx";
import { isWithheld, WithheldContent } from "./withheld-content.tsx";

interface StepContentProps {
  runId: string;
  step: Pick<Step, "step_id" | "record_id" | "privacy">;
  steps: Step[];
  onSelect: (stepId: string) => void;
}

/** What went into a step, or a run as a whole, and came out of it; or why that can't be seen. */
export function StepContent({ runId, step, steps, onSelect }: StepContentProps) {
  const detail = useQuery(stepQuery(runId, step));
  const isKeyed = (step.privacy?.withheld.length ?? 0) > 0;
  return (
    <>
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
    </>
  );
}
