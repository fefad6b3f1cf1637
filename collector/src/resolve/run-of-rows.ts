import type { StepRow } from "@runledger/contract";
import { treeOf } from "./agents-apart.ts";
import { type CorrectionRow, correctionRows } from "./correction-row.ts";
import { type RunOfFacts, resolveRun } from "./resolve-run.ts";
import { isFact } from "./step-fact.ts";

/** All rows of a run, as what it is resolved by. `overTime`: null while it may go on. */
export function runOfRows(rows: readonly StepRow[], overTime: string | null): RunOfFacts {
  const others = rows.filter((row) => row.event !== "log" && !isFact(row));
  return { facts: rows.filter(isFact), tree: treeOf(others), overTime };
}

/** What the rows of one run tell only together. The same for the same rows in any order. */
export function correctionsOfRows(rows: readonly StepRow[], overTime: string | null): CorrectionRow[] {
  return correctionRows(resolveRun(runOfRows(rows, overTime)));
}
