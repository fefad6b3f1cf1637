import type { CallRules } from "./same-call.ts";
import { inOrder, type StepFact, sourceOf } from "./step-fact.ts";
import { type Call, MAX_RECORDS_OF_CALL } from "./twins.ts";

/** No run, and no instrumentation, tells of one call twice. */
export function mayBeOne(a: Call, b: Call): boolean {
  if (a.members.length + b.members.length > MAX_RECORDS_OF_CALL) return false;
  const [runs, sources] = [runsOf(a), new Set(a.members.map(sourceOf))];
  return b.members.every((fact) => !runs.has(fact.run_id) && !sources.has(sourceOf(fact)));
}

/** The best known counts; among equals the one that has something above it, which is the agent's run and not the bare call's. */
export function together(group: readonly Call[], rules: CallRules): Call {
  const [only] = group;
  if (only !== undefined && group.length === 1) return only;
  const counts = group
    .map((call) => call.counts)
    .sort((a, b) => rules.knowledge(b) - rules.knowledge(a) || below(b) - below(a) || inOrder(a, b))[0];
  return {
    counts: counts as StepFact,
    members: group.flatMap(({ members }) => members).sort(inOrder),
    summaries: group.flatMap(({ summaries }) => summaries),
  };
}

function below({ parent_id }: StepFact): number {
  return parent_id === "" ? 0 : 1;
}

export function runsOf({ members }: Call): Set<string> {
  return new Set(members.map(({ run_id }) => run_id));
}
