import type { RunOfFacts } from "./resolve-run.ts";
import type { Place, RunRows, RunState } from "./run-rows.ts";
import type { StepFact } from "./step-fact.ts";

/** Some of a run that is too large to be read whole. */
export interface RunPiece {
  run: RunOfFacts;
  /** record_ids of what is not near an edge: only of these it is sure what they are together with others. */
  whole: ReadonlySet<string>;
  /** The facts from the place on. */
  inside: StepFact[];
}

/** So many facts before a place, and from it on. */
export async function readPiece(
  runRows: RunRows,
  tenant: string,
  run: RunState,
  from: Place,
  facts: { before: number; inside: number },
): Promise<RunPiece> {
  const before = await runRows.factsAt(tenant, run, "before", from, facts.before);
  const inside = await runRows.factsAt(tenant, run, "from", from, facts.inside);
  const all = [...before, ...inside];
  const spans = new Set(all.map(({ step_id }) => step_id));
  const outside = all.map(({ parent_id }) => parent_id).filter((id) => id !== "" && !spans.has(id));
  const tree = await runRows.treeAbove(tenant, run, outside);
  // What lies near an edge, but for the run's own, is seen whole from the piece beside it.
  const edge = facts.before / 2;
  const [atBegin, atEnd] = [before.length < facts.before, inside.length < facts.inside];
  const seenWhole = all.slice(atBegin ? 0 : edge, atEnd ? undefined : -edge);
  return {
    run: { facts: all, tree, overTime: run.over ? run.last_seen_time : null },
    whole: new Set(seenWhole.map(({ record_id }) => record_id)),
    inside,
  };
}
