import type { StepDetail } from "@runledger/contract";
import type { Outcome, RunSeen } from "./run-scenario.ts";

/** What one instrumentation told of the model calls, also where the record of another is the one that counts. The runs' totals stay those of all. */
export function ofScope(outcome: Outcome, scope: string): Outcome {
  const of = ({ run, steps }: RunSeen): RunSeen => ({
    run,
    steps: steps.filter((step) => step.llm === null || step.scope.name === scope).map(counted),
  });
  return { ...outcome, ...of(outcome), runs: outcome.runs.map(of) };
}

function counted(step: StepDetail): StepDetail {
  return step.llm === null ? step : { ...step, llm: { ...step.llm, counted: true } };
}
