import { parameterLists, type Rows } from "@runledger/storage";
import { MINUTES_APART, minuteOf, minutesAround, overlap, type StepFact, sourceOf } from "./step-fact.ts";

/** What a record tells of an answer that a model gave. */
export interface ToldAnswer {
  response_id: string;
  run_id: string;
  source: string;
  start_time: string;
  end_time: string;
}

/** By response id: who else tells of answers, in whatever run; only of those that somebody else tells of. */
export type Answers = ReadonlyMap<string, readonly ToldAnswer[]>;

const IDS_PER_QUERY = 2_500;
/** A longer one is nobody's, and is not in `answers`. */
const MAX_ID_LENGTH = 256;
/** An id that is told more often within a few minutes, or of more runs at one moment, is no answer's name: a test server gives all answers the same. */
const MAX_TOLD = 200;
const MAX_RUNS_OF_ANSWER = 16;

/** Asks ClickHouse which answers that these records tell of another source tells of too, at the same time. */
export async function answersTold(rows: Rows, tenant: string, facts: readonly StepFact[]): Promise<Answers> {
  const named = facts.filter(
    ({ response_id, llm_counted }) => llm_counted && response_id !== "" && response_id.length <= MAX_ID_LENGTH,
  );
  const bySource = [...Map.groupBy(named, sourceOf)];
  const found = await Promise.all(
    bySource.map(async ([source, ofSource]) =>
      (await isAnyTold(rows, tenant, ofSource, source))
        ? atTheSameTime(await toldOf(rows, tenant, ofSource, source), ofSource)
        : [],
    ),
  );
  const elsewhere = new Set(found.flat().map(({ response_id }) => response_id));
  if (elsewhere.size === 0) return new Map();
  const shared = named.filter(({ response_id }) => elsewhere.has(response_id));
  const told = atTheSameTime(await toldOf(rows, tenant, shared, ""), shared);
  return new Map(
    [...Map.groupBy(told, ({ response_id }) => response_id)].filter(
      ([, of]) => new Set(of.map(({ run_id }) => run_id)).size <= MAX_RUNS_OF_ANSWER,
    ),
  );
}

function atTheSameTime(told: readonly ToldAnswer[], facts: readonly StepFact[]): ToldAnswer[] {
  const byId = Map.groupBy(facts, ({ response_id }) => response_id);
  return told.filter((one) => byId.get(one.response_id)?.some((fact) => overlap(one, fact)));
}

/** Whether there is another source at all: mostly not, and nothing else is asked then. */
async function isAnyTold(rows: Rows, tenant: string, facts: readonly StepFact[], source: string): Promise<boolean> {
  const minutes = facts.map(minuteOf);
  const found = await rows.query(
    `SELECT 1 FROM answers WHERE tenant = {tenant:String} AND source != {source:String}
       AND minute BETWEEN {from:Int32} AND {to:Int32} LIMIT 1`,
    {
      tenant,
      source,
      from: minutes.reduce((a, b) => Math.min(a, b)) - MINUTES_APART,
      to: minutes.reduce((a, b) => Math.max(a, b)) + MINUTES_APART,
    },
  );
  return found.length > 0;
}

/** What sources other than `not` tell of these answers. */
async function toldOf(rows: Rows, tenant: string, facts: readonly StepFact[], not: string): Promise<ToldAnswer[]> {
  const byId = Map.groupBy(facts, ({ response_id }) => response_id);
  const found: ToldAnswer[] = [];
  for (const ids of parameterLists(byId.keys(), IDS_PER_QUERY)) {
    const minutes = new Set(ids.flatMap((id) => (byId.get(id) ?? []).flatMap((fact) => minutesAround(minuteOf(fact)))));
    const told = await rows.query<ToldAnswer>(
      `SELECT response_id, run_id, source, start_time, end_time FROM answers
       WHERE tenant = {tenant:String} AND source != {source:String} AND minute IN {minutes:Array(Int32)}
         AND response_id IN {ids:Array(String)}
       LIMIT ${MAX_TOLD + 1} BY response_id`,
      { tenant, source: not, minutes: [...minutes], ids },
    );
    for (const ofOne of Map.groupBy(told, ({ response_id }) => response_id).values())
      if (ofOne.length <= MAX_TOLD) found.push(...ofOne);
  }
  return found;
}
