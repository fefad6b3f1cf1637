import type { Outcome, RunSeen } from "./run-scenario.ts";

/** What one instrumentation told of the model calls, where others told of the same. The runs' totals stay those of all. */
export function ofScope(outcome: Outcome, scope: string): Outcome {
  const of = ({ run, steps }: RunSeen): RunSeen => ({
    run,
    steps: steps.filter((step) => step.llm === null || step.scope.name === scope),
  });
  return { ...outcome, ...of(outcome), runs: outcome.runs.map(of) };
}
