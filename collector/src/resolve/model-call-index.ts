import { parameterLists, type Rows } from "@runledger/storage";
import { MINUTES_APART, minuteOf, minutesAround, overlap, type StepFact, sourceOf } from "./step-fact.ts";

/** What is needed of a fact to look for others like it. */
export type Asked = Pick<
  StepFact,
  "record_id" | "run_id" | "dialect" | "scope_name" | "start_time" | "end_time" | "response_id" | "llm_counted"
>;

/** A row of ClickHouse's `model_calls`. */
export interface IndexedCall {
  words: number;
  source: string;
  named: boolean;
  run_id: string;
  record_id: string;
  start_time: string;
  end_time: string;
  received_time: string;
}

const FACTS_PER_QUERY = 2_000;
/** The same words asked more often within a few minutes are looked at no more: such calls count as often as they are told. */
const MAX_SAME_WORDS = 256;
/** Calls that overlap in a chain longer than so many times MINUTES_APART aren't either. */
const MAX_ROUNDS = 4;
const INDEX_COLUMNS = "words, source, named, run_id, record_id, start_time, end_time, received_time";

/** What several sources tell in the same words at the same time, some of these facts among it: one of each two at least without the answer's id. */
export async function callsInSameWords(rows: Rows, tenant: string, facts: readonly Asked[]): Promise<IndexedCall[]> {
  const bySource = Map.groupBy(
    facts.filter(({ llm_counted }) => llm_counted),
    sourceOf,
  );
  const own = await Promise.all(
    [...bySource].map(async ([source, ofSource]) =>
      (await isAnyTold(rows, tenant, ofSource, source)) ? indexed(rows, tenant, ofSource, source) : [],
    ),
  );
  return toldNear(rows, tenant, own.flat());
}

/** Whether another source tells of any call then, without an id where these have one: mostly not, and nothing else is asked then. */
async function isAnyTold(rows: Rows, tenant: string, facts: readonly Asked[], source: string): Promise<boolean> {
  const minutes = facts.map(minuteOf);
  const found = await rows.query(
    `SELECT 1 FROM model_calls WHERE tenant = {tenant:String} AND source != {source:String}
       AND minute BETWEEN {from:Int32} AND {to:Int32} AND ({unnamed:Bool} OR NOT named) LIMIT 1`,
    {
      tenant,
      source,
      from: minutes.reduce((a, b) => Math.min(a, b)) - MINUTES_APART,
      to: minutes.reduce((a, b) => Math.max(a, b)) + MINUTES_APART,
      unnamed: facts.some(({ response_id }) => response_id === ""),
    },
  );
  return found.length > 0;
}

/** These calls as the index has them. */
async function indexed(rows: Rows, tenant: string, facts: readonly Asked[], source: string): Promise<IndexedCall[]> {
  const wanted = new Set(facts.map(({ record_id }) => record_id));
  const byRun = Map.groupBy(facts, ({ run_id }) => run_id);
  const found: IndexedCall[] = [];
  for (const run_ids of parameterLists(byRun.keys(), FACTS_PER_QUERY)) {
    const minutes = [...new Set(run_ids.flatMap((id) => (byRun.get(id) ?? []).map(minuteOf)))];
    for (let n = 0; n < minutes.length; n += FACTS_PER_QUERY) {
      const told = await rows.query<IndexedCall>(
        `SELECT ${INDEX_COLUMNS} FROM model_calls WHERE tenant = {tenant:String} AND source = {source:String}
           AND minute IN {minutes:Array(Int32)} AND run_id IN {run_ids:Array(String)}`,
        { tenant, source, minutes: minutes.slice(n, n + FACTS_PER_QUERY), run_ids },
      );
      found.push(...told.filter(({ record_id }) => wanted.has(record_id)));
    }
  }
  return found;
}

/** What is told in the same words at the same time by several sources, these calls among it. */
async function toldNear(rows: Rows, tenant: string, own: readonly IndexedCall[]): Promise<IndexedCall[]> {
  const near: IndexedCall[] = [];
  for (let n = 0; n < own.length; n += FACTS_PER_QUERY) {
    let open = Map.groupBy(own.slice(n, n + FACTS_PER_QUERY), ({ words }) => words);
    // What overlaps them may overlap others that began earlier or later: whoever asks must see the same calls.
    for (let round = 0; round < MAX_ROUNDS && open.size > 0; round++) {
      const told = Map.groupBy(await toldInWords(rows, tenant, [...open.values()].flat()), ({ words }) => words);
      const further = new Map<number, IndexedCall[]>();
      for (const [words, known] of open) {
        const all = told.get(words) ?? [];
        if (all.length > MAX_SAME_WORDS) continue;
        const chain = chainOf(known, all);
        if (new Set(chain.map(({ source }) => source)).size < 2 || chain.every(({ named }) => named)) continue;
        const minutes = new Set(known.map(minuteOf));
        if (chain.every((call) => minutes.has(minuteOf(call)))) near.push(...chain);
        else further.set(words, chain);
      }
      open = further;
    }
  }
  return near;
}

async function toldInWords(rows: Rows, tenant: string, calls: readonly IndexedCall[]): Promise<IndexedCall[]> {
  return rows.query<IndexedCall>(
    `SELECT ${INDEX_COLUMNS} FROM model_calls
     WHERE tenant = {tenant:String} AND minute IN {minutes:Array(Int32)} AND words IN {words:Array(UInt32)}
     LIMIT ${MAX_SAME_WORDS + 1} BY words`,
    {
      tenant,
      minutes: [...new Set(calls.flatMap((call) => minutesAround(minuteOf(call))))],
      words: [...new Set(calls.map(({ words }) => words))],
    },
  );
}

/** Those of `all` that overlap one of `begun`, or one that does, and so on. */
function chainOf(begun: readonly IndexedCall[], all: readonly IndexedCall[]): IndexedCall[] {
  const ids = new Set(begun.map(({ record_id }) => record_id));
  const chain = all.filter(({ record_id }) => ids.has(record_id));
  let rest = all.filter(({ record_id }) => !ids.has(record_id));
  for (let n = 0; n < chain.length; n++) {
    const at = chain[n] as IndexedCall;
    chain.push(...rest.filter((call) => overlap(call, at)));
    rest = rest.filter((call) => !overlap(call, at));
  }
  return chain;
}
