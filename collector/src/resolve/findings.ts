import type { StepRow } from "@runledger/contract";
import { type CorrectionRow, correctionRows } from "./correction-row.ts";
import { type RunOfFacts, resolveRun } from "./resolve-run.ts";
import { runOfRows } from "./run-of-rows.ts";
import type { Place, RunRows, RunState, StandingRow } from "./run-rows.ts";
import { compare, isFact, type StepFact } from "./step-fact.ts";

/** What is true of some runs, or of a piece of one. */
export interface Finding {
  corrections: CorrectionRow[];
  /** Whether it would be among `corrections` if it were true. */
  covers(row: Pick<StandingRow, "run_id" | "record_id" | "shown_by">): boolean;
}

/** Rows just inserted, by run; null: none in particular. */
export type InsertedRows = ReadonlyMap<string, readonly StepRow[]> | null;

/** A run with more records is looked at piece by piece, of so many facts; each sees this many on either side of it. */
export interface PieceSettings {
  maxRecordsAtOnce: number;
  pieceFacts: number;
  marginFacts: number;
}

/** What the records of these runs tell together. Of a large run only the pieces around what was inserted. */
export async function* findingsOf(
  runRows: RunRows,
  tenant: string,
  runs: readonly RunState[],
  inserted: InsertedRows,
  settings: PieceSettings,
): AsyncGenerator<Finding> {
  const small = runs.filter(({ records }) => records <= settings.maxRecordsAtOnce);
  // A run whose every record was just inserted need not be asked for.
  const atHand = small.filter(({ run_id, records }) => inserted?.get(run_id)?.length === records);
  const asked = small.filter((run) => !atHand.includes(run));
  const known = asked.length === 0 ? new Map<string, RunOfFacts>() : await runRows.facts(tenant, asked);
  for (const run of atHand)
    known.set(run.run_id, runOfRows(inserted?.get(run.run_id) ?? [], run.over ? run.last_seen_time : null));
  if (small.length > 0) {
    yield {
      corrections: [...known.values()].flatMap((run) => correctionRows(resolveRun(run))),
      covers: ({ run_id }) => known.has(run_id),
    };
  }
  for (const run of runs) if (!small.includes(run)) yield* piecesOf(runRows, tenant, run, inserted, settings);
}

const BEGIN: Place = { time: "1970-01-01T00:00:00.000000000Z", recordId: "" };
const END: Place = { time: "2200-01-01T00:00:00.000000000Z", recordId: "" };

async function* piecesOf(
  runRows: RunRows,
  tenant: string,
  run: RunState,
  inserted: InsertedRows,
  settings: PieceSettings,
): AsyncGenerator<Finding> {
  const { pieceFacts, marginFacts } = settings;
  const facts = (inserted?.get(run.run_id) ?? []).filter(isFact).sort(byPlace);
  // What is no call itself may end the run: then its last calls are looked at.
  const first = facts[0] ? placeOf(facts[0]) : inserted === null ? BEGIN : END;
  const last = facts.at(-1);
  const to = last ? placeOf(last) : inserted === null ? END : BEGIN;
  for (let from: Place | null = first; from !== null; ) {
    const before: StepFact[] = await runRows.factsAt(tenant, run, "before", from, marginFacts);
    const inside: StepFact[] = await runRows.factsAt(tenant, run, "from", from, pieceFacts + marginFacts);
    yield await pieceOf(runRows, tenant, run, { before, inside }, settings);
    const next = inside[pieceFacts];
    from = next === undefined || byPlace(placed(to), next) < 0 ? null : placeOf(next);
  }
}

async function pieceOf(
  runRows: RunRows,
  tenant: string,
  run: RunState,
  { before, inside }: { before: readonly StepFact[]; inside: readonly StepFact[] },
  { pieceFacts, marginFacts }: PieceSettings,
): Promise<Finding> {
  const facts = [...before, ...inside];
  const spans = new Set(facts.map(({ step_id }) => step_id));
  const outside = facts.map(({ parent_id }) => parent_id).filter((id) => id !== "" && !spans.has(id));
  const parents = await runRows.parentsOf(tenant, run, outside);
  // What lies near an edge, but for the run's own, is seen whole from the piece beside it.
  const atBegin = before.length < marginFacts;
  const atEnd = inside.length < pieceFacts + marginFacts;
  const seenWhole = facts.slice(atBegin ? 0 : marginFacts / 2, atEnd ? undefined : -marginFacts / 2);
  const scope = new Set(seenWhole.map(({ record_id }) => record_id));
  const covers: Finding["covers"] = ({ run_id, record_id, shown_by }) =>
    run_id === run.run_id && scope.has(shown_by === "" ? record_id : shown_by);
  const resolution = resolveRun({ facts, parents, overTime: run.over ? run.last_seen_time : null });
  return { corrections: correctionRows(resolution).filter(covers), covers };
}

function placeOf({ start_time, record_id }: Pick<StepFact, "start_time" | "record_id">): Place {
  return { time: start_time, recordId: record_id };
}

function placed({ time, recordId }: Place): Pick<StepFact, "start_time" | "record_id"> {
  return { start_time: time, record_id: recordId };
}

function byPlace(a: Pick<StepFact, "start_time" | "record_id">, b: Pick<StepFact, "start_time" | "record_id">): number {
  return compare(a.start_time, b.start_time) || compare(a.record_id, b.record_id);
}
