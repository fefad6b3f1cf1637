import { parameterLists } from "@runledger/storage";
import type { Answers } from "./answers.ts";
import type { PieceSettings } from "./findings.ts";
import type { RunOfFacts } from "./resolve-run.ts";
import { readPiece } from "./run-piece.ts";
import type { RunRows, RunState } from "./run-rows.ts";
import { compare } from "./step-fact.ts";

/** Runs that tell of the same answers as others. */
export interface NearRuns {
  responseIds: ReadonlySet<string>;
  /** `isWhole`: of this record it is known what it is together with the others of its run. */
  runs: { runId: string; run: RunOfFacts; isWhole: (recordId: string) => boolean }[];
}

const NONE: NearRuns = { responseIds: new Set(), runs: [] };
/** Of a large run so many pieces' facts are read from the first answer on that both tell: twins far behind it are found when records near them come. */
const PIECES_READ = 4;
/** Near runs have so many times the records that are looked at together, at most; of the others each is found when it changes itself. */
const BUDGET = 3;
const RUNS_AT_ONCE = 1_000;

/** Reads the runs that tell of the answers of `asked`, by run id. */
export async function readNearRuns(
  runRows: RunRows,
  tenant: string,
  asked: ReadonlyMap<string, RunOfFacts>,
  settings: PieceSettings,
): Promise<NearRuns> {
  const answers = await runRows.answers(
    tenant,
    [...asked.values()].flatMap(({ facts }) => facts),
  );
  if (answers.size === 0) return NONE;
  const told = [...new Set([...answers.values()].flat().map(({ run_id }) => run_id))];
  const others = told.filter((runId) => !asked.has(runId));
  const states: RunState[] = [];
  for (const runIds of parameterLists(others, RUNS_AT_ONCE))
    states.push(...(await runRows.states(tenant, runIds)).values());
  const [small, large] = withinBudget(states, settings);
  const runs: NearRuns["runs"] = [];
  for (let n = 0; n < small.length; n += RUNS_AT_ONCE) {
    const read = await runRows.facts(tenant, small.slice(n, n + RUNS_AT_ONCE));
    for (const [runId, run] of read) runs.push({ runId, run, isWhole: () => true });
  }
  for (const state of large) {
    const from = { time: firstAnswerIn(state.run_id, answers), recordId: "" };
    const sizes = { before: settings.marginFacts, inside: PIECES_READ * settings.pieceFacts };
    const { run, whole } = await readPiece(runRows, tenant, state, from, sizes);
    runs.push({ runId: state.run_id, run, isWhole: (recordId) => whole.has(recordId) });
  }
  return { responseIds: new Set(answers.keys()), runs };
}

function withinBudget(
  states: readonly RunState[],
  { maxRecordsAtOnce, pieceFacts }: PieceSettings,
): [small: RunState[], large: RunState[]] {
  const [small, large]: [RunState[], RunState[]] = [[], []];
  let left = BUDGET * maxRecordsAtOnce;
  for (const state of states.toSorted((a, b) => a.records - b.records || compare(a.run_id, b.run_id))) {
    const isSmall = state.records <= maxRecordsAtOnce;
    left -= isSmall ? state.records : PIECES_READ * pieceFacts;
    if (left < 0 && small.length + large.length > 0) break;
    (isSmall ? small : large).push(state);
  }
  return [small, large];
}

function firstAnswerIn(runId: string, answers: Answers): string {
  const times = [...answers.values()].flat().filter(({ run_id }) => run_id === runId);
  return times.map(({ start_time }) => start_time).sort()[0] ?? "";
}
