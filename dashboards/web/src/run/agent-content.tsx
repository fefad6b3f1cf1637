import type { StepDetail } from "@runledger/contract";
import { count, decimal } from "../format/number.ts";
import { Icon } from "../ui/icon.tsx";
import { ArtifactContent } from "./artifact-content.tsx";
import { Pair } from "./section.tsx";

/** What only the agent could tell of a step: the choice and what it was made from, a verdict and its rule, who takes over, a state, a score. */
export function AgentContent({ step }: { step: StepDetail }) {
  const { decision, guardrail, approval, handoff, state, artifact, score, limit } = step;
  return (
    <>
      {decision ? <DecisionContent decision={decision} isFallback={step.operation === "fallback"} /> : null}
      {guardrail ? (
        <dl className="pairs">
          <Verdict label="Verdict" good={guardrail.passed} words={guardrail.passed ? "passed" : "rejected"} />
          <Pair label="Rule">{guardrail.rule}</Pair>
          <Pair label="Looked at">{guardrail.target}</Pair>
        </dl>
      ) : null}
      {approval ? (
        <dl className="pairs">
          <Verdict label="Answer" good={approval.approved} words={approval.approved ? "approved" : "denied"} />
          <Pair label="By">{approval.by ?? "nobody"}</Pair>
          <Pair label="Tool">{approval.tool}</Pair>
        </dl>
      ) : null}
      {handoff ? (
        <dl className="pairs">
          <Pair label={step.operation === "escalate" ? "Escalated to" : "Handed off to"}>{handoff.to}</Pair>
        </dl>
      ) : null}
      {state ? (
        <dl className="pairs">
          <Pair label={step.operation === "checkpoint" || step.operation === "resume" ? "Checkpoint" : "Memory record"}>
            {state.id ? <span className="mono">{state.id}</span> : null}
          </Pair>
          <Pair label="Store">{state.store}</Pair>
        </dl>
      ) : null}
      {artifact ? <ArtifactContent name={step.name} artifact={artifact} content={step.output} /> : null}
      {score ? (
        <dl className="pairs">
          <Pair label="Score">{score.value === null ? null : decimal(score.value)}</Pair>
          <Pair label="Verdict">{score.label}</Pair>
        </dl>
      ) : null}
      {limit ? <LimitContent limit={limit} /> : null}
    </>
  );
}

/** The title of the words that go with such a step; null: they are shown elsewhere. */
export function outputTitle(step: StepDetail): string | null {
  if (step.artifact) return null;
  if (step.decision || step.guardrail || step.approval || step.handoff) return "Reason";
  if (step.score) return "Comment";
  if (step.operation === "checkpoint") return "State";
  return "Output";
}

type Decision = NonNullable<StepDetail["decision"]>;

function DecisionContent({ decision, isFallback }: { decision: Decision; isFallback: boolean }) {
  const { options, choice, confidence } = decision;
  const others = choice === null || options.includes(choice) ? options : [...options, choice];
  return (
    <>
      <ul className="options" aria-label={isFallback ? "What stood in" : "Options"}>
        {others.map((option) => (
          <li key={option} data-chosen={option === choice}>
            <Icon name={option === choice ? "completed" : "right"} />
            <span>{option}</span>
            {option === choice ? <span className="muted">{isFallback ? "stood in" : "chosen"}</span> : null}
          </li>
        ))}
      </ul>
      {confidence === null ? null : (
        <dl className="pairs">
          <Pair label="Confidence">{decimal(confidence)}</Pair>
        </dl>
      )}
    </>
  );
}

function LimitContent({ limit }: { limit: NonNullable<StepDetail["limit"]> }) {
  const over = limit.reached - limit.max;
  return (
    <dl className="pairs">
      <Pair label="Limit">{limit.name}</Pair>
      <Pair label="Bound">{decimal(limit.max)}</Pair>
      <Pair label="Reached">{decimal(limit.reached)}</Pair>
      <Pair label="Over">{over > 0 ? decimal(over) : null}</Pair>
      <Pair label="Still running">{limit.running === null ? null : count(limit.running)}</Pair>
    </dl>
  );
}

function Verdict({ label, good, words }: { label: string; good: boolean; words: string }) {
  return (
    <Pair label={label}>
      <span className="step-status" data-status={good ? "ok" : "error"}>
        <Icon name={good ? "completed" : "failed"} /> {words}
      </span>
    </Pair>
  );
}
