import { parameterLists } from "@runledger/storage";
import type { AlikeCall, AlikeCalls } from "./calls-alike.ts";
import type { PieceSettings } from "./findings.ts";
import type { RunOfFacts } from "./resolve-run.ts";
import { readPiece } from "./run-piece.ts";
import type { RunRows, RunState } from "./run-rows.ts";
import { compare, type StepFact } from "./step-fact.ts";

/** Runs that tell of the same calls as others. */
export interface NearRuns {
  /** Is this one of those calls? */
  isShared: (fact: StepFact) => boolean;
  alike: AlikeCalls;
  /** `isWhole`: of this record it is known what it is together with the others of its run. */
  runs: { runId: string; run: RunOfFacts; isWhole: (recordId: string) => boolean }[];
}

/** Of a large run so many pieces' facts are read from the first call on that both tell: twins far behind it are found when records near them come. */
const PIECES_READ = 4;
/** Near runs have so many times the records that are looked at together, at most; of the others each is found when it changes itself. */
const BUDGET = 3;
const RUNS_AT_ONCE = 1_000;
/** A run tells a call by its id, another knows only words of it: so many runs in a row. */
const MAX_HOPS = 3;

/** Reads the runs that tell of the calls of `asked`, by run id, and those that tell of theirs. */
export async function readNearRuns(
  runRows: RunRows,
  tenant: string,
  asked: ReadonlyMap<string, RunOfFacts>,
  settings: PieceSettings,
): Promise<NearRuns> {
  const [ids, alike] = [new Set<string>(), new Map<string, AlikeCall>()];
  const isShared = ({ response_id, record_id }: StepFact) => ids.has(response_id) || alike.has(record_id);
  const runs: NearRuns["runs"] = [];
  const known = new Set(asked.keys());
  let recordsLeft = BUDGET * settings.maxRecordsAtOnce;
  let facts = [...asked.values()].flatMap((run) => run.facts);
  for (let hop = 0; hop < MAX_HOPS && facts.length > 0; hop++) {
    const notAsked = facts.filter(({ response_id }) => !ids.has(response_id));
    const [answers, found] = await Promise.all([runRows.answers(tenant, notAsked), runRows.callsAlike(tenant, facts)]);
    for (const [id, call] of found) alike.set(id, call);
    for (const id of answers.keys()) ids.add(id);
    const told = [...[...answers.values()].flat(), ...found.values()];
    const firstTime = new Map<string, string>();
    for (const { run_id, start_time } of told) {
      const first = firstTime.get(run_id);
      if (!known.has(run_id) && (first === undefined || start_time < first)) firstTime.set(run_id, start_time);
    }
    const states = await statesOf(runRows, tenant, [...firstTime.keys()]);
    const affordable = withinBudget(states, recordsLeft, settings);
    recordsLeft -= affordable.records;
    const read = await readRuns(runRows, tenant, affordable, firstTime, settings);
    for (const { runId } of read) known.add(runId);
    runs.push(...read);
    facts = read.flatMap(({ run }) => run.facts.filter(isShared));
  }
  return { isShared, alike, runs };
}

async function statesOf(runRows: RunRows, tenant: string, runIds: readonly string[]): Promise<RunState[]> {
  const states: RunState[] = [];
  for (const some of parameterLists(runIds, RUNS_AT_ONCE))
    states.push(...(await runRows.states(tenant, some)).values());
  return states;
}

async function readRuns(
  runRows: RunRows,
  tenant: string,
  { small, large }: Affordable,
  firstTime: ReadonlyMap<string, string>,
  settings: PieceSettings,
): Promise<NearRuns["runs"]> {
  const runs: NearRuns["runs"] = [];
  for (let n = 0; n < small.length; n += RUNS_AT_ONCE) {
    const read = await runRows.facts(tenant, small.slice(n, n + RUNS_AT_ONCE));
    for (const [runId, run] of read) runs.push({ runId, run, isWhole: () => true });
  }
  for (const state of large) {
    const from = { time: firstTime.get(state.run_id) ?? "", recordId: "" };
    const sizes = { before: settings.marginFacts, inside: PIECES_READ * settings.pieceFacts };
    const { run, whole } = await readPiece(runRows, tenant, state, from, sizes);
    runs.push({ runId: state.run_id, run, isWhole: (recordId) => whole.has(recordId) });
  }
  return runs;
}

interface Affordable {
  small: RunState[];
  large: RunState[];
  records: number;
}

/** Of large runs a part counts, as it is read. At least one, if nothing was read before. */
function withinBudget(
  states: readonly RunState[],
  recordsLeft: number,
  { maxRecordsAtOnce, pieceFacts }: PieceSettings,
): Affordable {
  const taken: Affordable = { small: [], large: [], records: 0 };
  for (const state of states.toSorted((a, b) => a.records - b.records || compare(a.run_id, b.run_id))) {
    const isSmall = state.records <= maxRecordsAtOnce;
    const records = isSmall ? state.records : PIECES_READ * pieceFacts;
    const isFirst = taken.records === 0 && recordsLeft === BUDGET * maxRecordsAtOnce;
    if (taken.records + records > recordsLeft && !isFirst) break;
    taken.records += records;
    (isSmall ? taken.small : taken.large).push(state);
  }
  return taken;
}
