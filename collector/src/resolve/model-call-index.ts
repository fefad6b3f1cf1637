import { parameterLists, type Rows } from "@runledger/storage";
import { mayBeTogether } from "./alike.ts";
import { groupsTogether, MOMENT_MS, momentOf, momentsAround } from "./at-once.ts";
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
import type { TellCalls } from "./told-calls.ts";

/** What is needed of a fact to look for others like it. */
export type Asked = Pick<
  StepFact,
  "record_id" | "run_id" | "dialect" | "scope_name" | "start_time" | "end_time" | "response_id" | "llm_counted"
>;

/** A row of ClickHouse's `model_calls`. */
export interface IndexedCall {
  /** Hash of what it is looked for by: its words or its process (0014_model_calls_by_process.sql). A call has a row of each. */
  words: number;
  /** Its process is what `words` is of. */
  of_process: boolean;
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
const CALLS_OF_PROCESSES_PER_QUERY = 50;
/** The records of one call begin and end nearly at once: mostly the first look shows all. */
const MARGIN_MS = 1_000;
/** Each look follows a chain further; one that is not seen whole then is left alone. */
const MAX_ROUNDS = 4;
const INDEX_COLUMNS = "words, of_process, source, named, run_id, record_id, start_time, end_time, received_time";

/**
 * What several sources tell in the same words at the same time, or of one process and in nothing contradicting, some of these facts among it: one of each two
 * at least without the answer's id. Lists of calls that may be one another, a call in any number of them.
 */
export async function callsNear(
  rows: Rows,
  tenant: string,
  facts: readonly Asked[],
  tell: TellCalls,
): Promise<IndexedCall[][]> {
  const bySource = Map.groupBy(
    facts.filter(({ llm_counted }) => llm_counted),
    sourceOf,
  );
  const own = await Promise.all(
    [...bySource].map(async ([source, ofSource]) =>
      (await isAnyTold(rows, tenant, ofSource, source)) ? indexed(rows, tenant, ofSource, source) : [],
    ),
  );
  return toldNear(rows, tenant, own.flat(), tell);
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

/** What is told by several sources, these calls among it. */
async function toldNear(
  rows: Rows,
  tenant: string,
  own: readonly IndexedCall[],
  tell: TellCalls,
): Promise<IndexedCall[][]> {
  const near: IndexedCall[][] = [];
  for (const some of askedTogether(own)) {
    let open = some;
    // What overlaps them may overlap others that began earlier or later: whoever asks must see the same calls.
    for (let round = 0; round < MAX_ROUNDS && open.size > 0; round++) {
      const asked = askedIn([...open.values()].flat());
      const told = Map.groupBy(await toldInWords(rows, tenant, asked), ({ words }) => words);
      const further = new Map<number, IndexedCall[]>();
      for (const [words, known] of open) {
        const chains = await chainsAround(known, told.get(words) ?? [], tell);
        const isSeen = (chain: readonly IndexedCall[]) => chain.every((call) => isWithin(asked, call));
        near.push(...chains.filter(isSeen));
        if (!chains.every(isSeen)) further.set(words, chains.filter((chain) => !isSeen(chain)).flat());
      }
      open = further;
    }
  }
  return near;
}

/** Those that are asked for with one query, by `words`. A process may make any number of calls: of them some that are near in time. */
function* askedTogether(own: readonly IndexedCall[]): Generator<Map<number, readonly IndexedCall[]>> {
  const wordsOf = ({ words }: IndexedCall) => words;
  const inWords = [
    ...Map.groupBy(
      own.filter(({ of_process }) => !of_process),
      wordsOf,
    ),
  ];
  for (let n = 0; n < inWords.length; n += WORDS_PER_QUERY) yield new Map(inWords.slice(n, n + WORDS_PER_QUERY));
  const inProcesses = own.filter(({ of_process }) => of_process).sort((a, b) => compare(a.start_time, b.start_time));
  for (let n = 0; n < inProcesses.length; n += CALLS_OF_PROCESSES_PER_QUERY)
    yield Map.groupBy(inProcesses.slice(n, n + CALLS_OF_PROCESSES_PER_QUERY), wordsOf);
}

/** Of what is asked: all that overlaps `from` to `to`, and began in these minutes or in those around them; of a process, what ended near these moments. */
interface AskedOf {
  words: number[];
  minutes: Set<number>;
  moments: Set<number>;
  from: string;
  to: string;
}

function askedIn(calls: readonly IndexedCall[]): AskedOf {
  const begins = calls.map(({ start_time }) => Date.parse(start_time));
  const ends = calls.map(({ end_time }) => Date.parse(end_time));
  return {
    words: [...new Set(calls.map(({ words }) => words))],
    minutes: new Set(calls.map(minuteOf)),
    moments: new Set(calls.filter(({ of_process }) => of_process).map(momentOf)),
    from: timeOf(begins.reduce((a, b) => Math.min(a, b)) - MARGIN_MS),
    to: timeOf(ends.reduce((a, b) => Math.max(a, b)) + MARGIN_MS),
  };
}

/** As rows have it. */
function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000000Z`;
}

function isWithin({ minutes, moments, from, to }: AskedOf, call: IndexedCall): boolean {
  if (!minutes.has(minuteOf(call))) return false;
  return call.of_process ? moments.has(momentOf(call)) : call.start_time >= from && call.end_time <= to;
}

async function toldInWords(rows: Rows, tenant: string, asked: AskedOf): Promise<IndexedCall[]> {
  const { words, minutes, moments, from, to } = asked;
  return rows.query<IndexedCall>(
    `SELECT ${INDEX_COLUMNS} FROM model_calls
     WHERE tenant = {tenant:String} AND minute IN {minutes:Array(Int32)} AND words IN {words:Array(UInt32)}
       AND (NOT of_process OR intDiv(toUnixTimestamp64Milli(end_time), ${MOMENT_MS}) IN {moments:Array(Int64)})
       AND end_time >= parseDateTime64BestEffort({from:String}, 9, 'UTC') - INTERVAL ${TOLERANCE_MS} MILLISECOND
       AND start_time <= parseDateTime64BestEffort({to:String}, 9, 'UTC') + INTERVAL ${TOLERANCE_MS} MILLISECOND
     LIMIT ${MAX_SAME_WORDS + 1} BY words`,
    {
      tenant,
      words,
      minutes: [...new Set([...minutes].flatMap(minutesAround))],
      moments: [...new Set([...moments].flatMap(momentsAround))],
      from,
      to,
    },
  );
}

/** The chains that `known` are in, of those that can be one call in them. */
async function chainsAround(
  known: readonly IndexedCall[],
  told: readonly IndexedCall[],
  tell: TellCalls,
): Promise<IndexedCall[][]> {
  if (told.length > MAX_SAME_WORDS || !mayHoldOne(told)) return [];
  const ids = new Set(known.map(({ record_id }) => record_id));
  const chains = told[0]?.of_process ? await groupsOfProcess(told, tell) : chainsOf(told);
  return chains.filter(
    (chain) => chain.length <= MAX_CHAIN && chain.some(({ record_id }) => ids.has(record_id)) && mayHoldOne(chain),
  );
}

/** Several sources tell of them, and not all the answer's id. */
function mayHoldOne(calls: readonly IndexedCall[]): boolean {
  return calls.some(({ named }) => !named) && new Set(calls.map(({ source }) => source)).size > 1;
}

/** A process makes calls all the time: which of them are together only what is told of them says. */
async function groupsOfProcess(calls: readonly IndexedCall[], tell: TellCalls): Promise<IndexedCall[][]> {
  const byId = new Map((await tell(calls)).map((call) => [call.record_id, call]));
  return groupsTogether(calls, (one, other) => {
    const [a, b] = [byId.get(one.record_id), byId.get(other.record_id)];
    return one.source !== other.source && a !== undefined && b !== undefined && mayBeTogether(a, b);
  });
}

/** Calls one of which overlaps the next, and so on; no two chains do. */
function chainsOf<Call extends Span>(calls: readonly Call[]): Call[][] {
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
