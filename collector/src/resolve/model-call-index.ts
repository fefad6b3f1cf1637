import { parameterLists, type Rows } from "@runledger/storage";
import {
  compare,
  MINUTES_APART,
  minuteOf,
  minutesAround,
  notBefore,
  type Span,
  type StepFact,
  sourceOf,
  TOLERANCE_MS,
} from "./step-fact.ts";

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
/** So many calls that are under way in a row, with the same words, are not told apart any more: they count as often as they are told. */
const MAX_CHAIN = 256;
/** And so many of the same words while those that are looked at were under way. */
const MAX_SAME_WORDS = 1_000;
const WORDS_PER_QUERY = 500;
/** The records of one call begin and end nearly at once: mostly the first look shows all. */
const MARGIN_MS = 1_000;
/** Each look follows a chain further; one that is not seen whole then is left alone. */
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
  const byWords = [...Map.groupBy(own, ({ words }) => words)];
  for (let n = 0; n < byWords.length; n += WORDS_PER_QUERY) {
    let open = new Map<number, readonly IndexedCall[]>(byWords.slice(n, n + WORDS_PER_QUERY));
    // What overlaps them may overlap others that began earlier or later: whoever asks must see the same calls.
    for (let round = 0; round < MAX_ROUNDS && open.size > 0; round++) {
      const asked = askedIn([...open.values()].flat());
      const told = Map.groupBy(await toldInWords(rows, tenant, asked), ({ words }) => words);
      const further = new Map<number, IndexedCall[]>();
      for (const [words, known] of open) {
        const chains = chainsAround(known, told.get(words) ?? []);
        if (chains.flat().every((call) => isWithin(asked, call))) near.push(...chains.flat());
        else further.set(words, chains.flat());
      }
      open = further;
    }
  }
  return near;
}

/** Of what is asked: all that overlaps `from` to `to`, and began in these minutes or in those around them. */
interface AskedOf {
  words: number[];
  minutes: Set<number>;
  from: string;
  to: string;
}

function askedIn(calls: readonly IndexedCall[]): AskedOf {
  const begins = calls.map(({ start_time }) => Date.parse(start_time));
  const ends = calls.map(({ end_time }) => Date.parse(end_time));
  return {
    words: [...new Set(calls.map(({ words }) => words))],
    minutes: new Set(calls.map(minuteOf)),
    from: timeOf(begins.reduce((a, b) => Math.min(a, b)) - MARGIN_MS),
    to: timeOf(ends.reduce((a, b) => Math.max(a, b)) + MARGIN_MS),
  };
}

/** As rows have it. */
function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000000Z`;
}

function isWithin({ minutes, from, to }: AskedOf, call: IndexedCall): boolean {
  return minutes.has(minuteOf(call)) && call.start_time >= from && call.end_time <= to;
}

async function toldInWords(rows: Rows, tenant: string, { words, minutes, from, to }: AskedOf): Promise<IndexedCall[]> {
  return rows.query<IndexedCall>(
    `SELECT ${INDEX_COLUMNS} FROM model_calls
     WHERE tenant = {tenant:String} AND minute IN {minutes:Array(Int32)} AND words IN {words:Array(UInt32)}
       AND end_time >= parseDateTime64BestEffort({from:String}, 9, 'UTC') - INTERVAL ${TOLERANCE_MS} MILLISECOND
       AND start_time <= parseDateTime64BestEffort({to:String}, 9, 'UTC') + INTERVAL ${TOLERANCE_MS} MILLISECOND
     LIMIT ${MAX_SAME_WORDS + 1} BY words`,
    { tenant, words, minutes: [...new Set([...minutes].flatMap(minutesAround))], from, to },
  );
}

/** The chains that `known` are in, of those that can be one call in them. */
function chainsAround(known: readonly IndexedCall[], told: readonly IndexedCall[]): IndexedCall[][] {
  if (told.length > MAX_SAME_WORDS) return [];
  const ids = new Set(known.map(({ record_id }) => record_id));
  return chainsOf(told).filter(
    (chain) =>
      chain.length <= MAX_CHAIN &&
      chain.some(({ record_id }) => ids.has(record_id)) &&
      chain.some(({ named }) => !named) &&
      new Set(chain.map(({ source }) => source)).size > 1,
  );
}

/** Calls one of which overlaps the next, and so on; no two chains do. */
export function chainsOf<Call extends Span>(calls: readonly Call[]): Call[][] {
  const chains: Call[][] = [];
  let until = "";
  for (const call of calls.toSorted((a, b) => compare(a.start_time, b.start_time))) {
    const chain = chains.at(-1);
    if (chain !== undefined && notBefore(until, call.start_time)) chain.push(call);
    else chains.push([call]);
    if (chain === undefined || call.end_time > until) until = call.end_time;
  }
  return chains;
}
