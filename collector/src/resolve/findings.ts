import type { StepRow } from "@runledger/contract";
import { isNamedAgent } from "./agents-apart.ts";
import { type CorrectionRow, correctionRows } from "./correction-row.ts";
import { type NearRuns, readNearRuns } from "./near-runs.ts";
import { type RunOfFacts, type RunRead, readRun, recordsOfCalls, resolveRuns } from "./resolve-run.ts";
import { runOfRows } from "./run-of-rows.ts";
import { type RunPiece, readPiece } from "./run-piece.ts";
import type { Place, RunRows, RunState } from "./run-rows.ts";
import { compare, isFact, type StepFact } from "./step-fact.ts";

/** What is true of some runs, or of pieces of some. */
export interface Finding {
  corrections: CorrectionRow[];
  /** What it is about: whatever else stands there is not true. By run id, the whole run or a part of it. */
  covers: ReadonlyMap<string, "all" | CoveredPart>;
}

/** These records of a run and what they show, which began between two times, both included. */
export interface CoveredPart {
  recordIds: ReadonlySet<string>;
  from: string;
  to: string;
}

/** Is it about this? */
export function covers(
  finding: Pick<Finding, "covers">,
  { run_id, record_id, shown_by }: Pick<CorrectionRow, "run_id" | "record_id" | "shown_by">,
): boolean {
  const of = finding.covers.get(run_id);
  return of === "all" || (of?.recordIds.has(shown_by === "" ? record_id : shown_by) ?? false);
}

/** Rows just inserted, by run; null: none in particular. */
export type InsertedRows = ReadonlyMap<string, readonly StepRow[]> | null;

/** A run with more records is looked at piece by piece, of so many facts; each sees this many on either side of it. */
export interface PieceSettings {
  maxRecordsAtOnce: number;
  pieceFacts: number;
  marginFacts: number;
}

/** What the records of these runs tell together, and with those of runs that tell of the same answers. Of a large run only the pieces around what was inserted. */
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
    const near = await readNearRuns(runRows, tenant, known, settings);
    const whole = new Map([...known.keys()].map((runId) => [runId, "all"] as const));
    yield findingOf([...known.values()].map(readRun), whole, near);
  }
  for (const run of runs) if (!small.includes(run)) yield* piecesOf(runRows, tenant, run, inserted, settings);
}

/** Of runs near by, only what they tell of the same answers is known to be whole. */
function findingOf(read: readonly RunRead[], covered: Finding["covers"], near: NearRuns): Finding {
  const readNear = near.runs.map(({ run }) => readRun(run));
  const shared = recordsOfCalls([...readNear, ...read], near.isShared);
  const all = new Map(covered);
  for (const [n, { runId, run, isWhole }] of near.runs.entries())
    all.set(runId, partOf(run, new Set([...(shared[n] ?? [])].filter(isWhole))));
  const found = correctionRows(resolveRuns([...read, ...readNear], near.alike));
  return { corrections: found.filter((row) => covers({ covers: all }, row)), covers: all };
}

/** An inferred call begins when the one that asked for it ends. */
function partOf({ facts }: RunOfFacts, recordIds: ReadonlySet<string>): CoveredPart {
  const from = facts.reduce((least, { start_time }) => (start_time < least ? start_time : least), END.time);
  const to = facts.reduce((most, { end_time }) => (end_time > most ? end_time : most), from);
  return { recordIds, from, to };
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
  const rows = inserted?.get(run.run_id) ?? [];
  const facts = [...rows.filter(isFact), ...(await mayBeUntrue(runRows, tenant, run, rows))].sort(byPlace);
  // What is no call itself may end the run: then its last calls are looked at.
  const first = facts[0] ? placeOf(facts[0]) : inserted === null ? BEGIN : END;
  const last = facts.at(-1);
  const to = last ? placeOf(last) : inserted === null ? END : BEGIN;
  for (let from: Place | null = first; from !== null; ) {
    const sizes = { before: marginFacts, inside: pieceFacts + marginFacts };
    const piece: RunPiece = await readPiece(runRows, tenant, run, from, sizes);
    const near = await readNearRuns(runRows, tenant, new Map([[run.run_id, piece.run]]), settings);
    yield findingOf([readRun(piece.run)], new Map([[run.run_id, partOf(piece.run, piece.whole)]]), near);
    const next = piece.inside[pieceFacts];
    from = next === undefined || byPlace(placed(to), next) < 0 ? null : placeOf(next);
  }
}

/** Calls that count as another's within the time of agents that came only now, and may tell them apart. No two agents are told apart by what is around all. */
async function mayBeUntrue(
  runRows: RunRows,
  tenant: string,
  { run_id }: RunState,
  rows: readonly StepRow[],
): Promise<Pick<StepFact, "start_time" | "record_id">[]> {
  const agents = rows.filter((row) => isNamedAgent(row) && row.parent_id !== "");
  if (agents.length === 0) return [];
  const from = agents.reduce((least, { start_time }) => (start_time < least ? start_time : least), END.time);
  const to = agents.reduce((most, { end_time }) => (end_time > most ? end_time : most), from);
  const standing = await runRows.standingBetween(tenant, run_id, from, to);
  return standing.filter(({ in_force, what }) => in_force && what === "uncounted");
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
