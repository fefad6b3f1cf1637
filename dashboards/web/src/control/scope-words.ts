import type { KillScope } from "@runledger/contract";

const RUN_ID_CHARS = 8;

/** What a kill reaches, for a person. */
export function scopeWords(scope: KillScope): string {
  if (scope.all === true) return "all runs";
  if (scope.run_id !== undefined) return `run ${scope.run_id.slice(0, RUN_ID_CHARS)}`;
  if (scope.agent !== undefined) return `every run of agent ${scope.agent}`;
  if (scope.task_type !== undefined) return `every run of task type ${scope.task_type}`;
  return `every run of session ${scope.session}`;
}
