import { canonicalJson } from "../record/canonical-json.ts";
import type { RunledgerRecord } from "../record/record.ts";
import { createDigestSet } from "./digest-set.ts";
import { createNumberSet, type NumberSet } from "./number-set.ts";

/** A run as `runs.json` of a bundle has it: from the entries alone, so that every verifier can make it anew. Money is decimal USD. */
export interface BundleRun {
  run_id: string;
  /** In a bundle of one log. */
  first_index?: number;
  last_index?: number;
  /** In a bundle of several: where its records stand, in the bundle's order. */
  logs?: RunInLog[];
  records: number;
  agent_name: string | null;
  agent_version: string | null;
  task_id: string | null;
  task_type: string | null;
  session_id: string | null;
  user_id: string | null;
  start_time: string;
  end_time: string;
  status: string;
  outcome: string | null;
  reason: string | null;
  steps: number;
  llm_calls: number;
  tool_calls: number;
  errors: number;
  /** Sums of what is known, and how many of `llm_calls` that did not fail they are without; embeddings write no tokens. */
  input_tokens: number | null;
  input_missing?: number;
  output_tokens: number | null;
  output_missing?: number;
  cost_usd: string | null;
  cost_missing?: number;
  models: string[];
  tools: string[];
  numbered: number;
  records_expected: number | null;
  gaps: [number, number][];
}

export interface RunInLog {
  shard: string;
  first_index: number;
  last_index: number;
  records: number;
}

export interface BundleSummary {
  entries: number;
  /** Entries with the `record_id` of one before, sent to two collectors or long after; counted nowhere else. */
  duplicates?: number;
  acts: number;
  runs: number;
  first_received_time: string | null;
  last_received_time: string | null;
  price_tables: { name: string; records: number; version: string }[];
}

/** The runs and sums of the entries that it is shown, in the bundle's order. Memory grows with the number of runs, and by 12 to 24 bytes an entry. */
export interface RunFactsOfEntries {
  /** False for a record that was there before: the first counts. */
  add(index: number, entry: RunledgerRecord, shard?: string): boolean;
  /** Ordered by run id. */
  runs(): Generator<BundleRun>;
  summary(): BundleSummary;
}

const RUN_EVENTS: ReadonlySet<string> = new Set(["run_start", "run_heartbeat", "step", "run_end", "log"]);
const FACTS = ["agent_name", "agent_version", "task_id", "task_type", "session_id", "user_id"] as const;
const MAX_NAMES = 100;
const MAX_GAPS = 20;

export interface CountingRules {
  /** The bundle is of several logs. */
  ofSeveral: boolean;
  /** `sums` of its manifest. Undefined, before there was that: no `…_missing`, and in one log each entry counted. */
  sums: 2 | undefined;
}

/** @param secret random bytes, 16 at least, by which records are remembered. */
export function createRunFacts(secret: Uint8Array, { ofSeveral, sums }: CountingRules): RunFactsOfEntries {
  const known = sums === 2 || ofSeveral ? createDigestSet(secret) : null;
  const runs = new Map<string, OpenRun>();
  const prices = new Map<string, { name: string; records: number; version: string }>();
  const summary = { entries: 0, duplicates: 0, acts: 0 };
  const received: { first: string | null; last: string | null } = { first: null, last: null };

  const noteTime = (time: string): void => {
    // In one log the order of indexes counts, whatever its clock did.
    if (received.first === null || (ofSeveral && time < received.first)) received.first = time;
    if (received.last === null || !ofSeveral || time > received.last) received.last = time;
  };
  return {
    add(index, entry, shard = "") {
      const event: string = entry.event;
      summary.entries++;
      noteTime(entry.received_time);
      if (known?.add(entry.record_id) === false) {
        summary.duplicates++;
        return false;
      }
      if (event === "act") summary.acts++;
      if (entry.cost !== null) countPrice(prices, entry.cost.price_table, entry.cost.price_version);
      if (!RUN_EVENTS.has(event)) return true;
      let run = runs.get(entry.run_id);
      if (run === undefined) {
        run = newRun(entry, sums === 2);
        runs.set(entry.run_id, run);
      }
      addPlace(run.logs, shard, index);
      addToRun(run, entry, ofSeveral);
      return true;
    },
    *runs() {
      for (const id of [...runs.keys()].sort(byUtf8)) yield finishedRun(runs.get(id) as OpenRun, ofSeveral);
    },
    summary: () => ({
      acts: summary.acts,
      entries: summary.entries,
      ...(known && { duplicates: summary.duplicates }),
      first_received_time: received.first,
      last_received_time: received.last,
      runs: runs.size,
      price_tables: [...prices.values()].sort((a, b) => byUtf8(a.name, b.name) || byUtf8(a.version, b.version)),
    }),
  };
}

/** The parts of `runs.json`, one behind the other. */
export function* runsJson(runs: Iterable<BundleRun>): Generator<string> {
  let before = "[\n";
  for (const run of runs) {
    yield `${before}${canonicalJson(run)}`;
    before = ",\n";
  }
  yield before === "[\n" ? "[\n\n]\n" : "\n]\n";
}

export function summaryJson(summary: BundleSummary): string {
  return `${canonicalJson(summary)}\n`;
}

interface OpenRun {
  facts: BundleRun;
  logs: RunInLog[];
  numbers: NumberSet;
  costNanoUsd: bigint | null;
  rootStatus: string | null;
  started: boolean;
  /** Times of receipt of what `status` was taken from. */
  endedAt: string | null;
  rootAt: string;
}

function newRun(entry: RunledgerRecord, tellsMissing: boolean): OpenRun {
  const facts: BundleRun = {
    run_id: entry.run_id,
    records: 0,
    agent_name: null,
    agent_version: null,
    task_id: null,
    task_type: null,
    session_id: null,
    user_id: null,
    start_time: entry.start_time,
    end_time: entry.end_time,
    status: "open",
    outcome: null,
    reason: null,
    steps: 0,
    llm_calls: 0,
    tool_calls: 0,
    errors: 0,
    input_tokens: null,
    output_tokens: null,
    cost_usd: null,
    models: [],
    tools: [],
    numbered: 0,
    records_expected: null,
    gaps: [],
    ...(tellsMissing && { input_missing: 0, output_missing: 0, cost_missing: 0 }),
  };
  const untold = { costNanoUsd: null, rootStatus: null, started: false, endedAt: null, rootAt: "" };
  return { facts, logs: [], numbers: createNumberSet(), ...untold };
}

function addPlace(logs: RunInLog[], shard: string, index: number): void {
  const last = logs.at(-1);
  if (last?.shard !== shard) {
    logs.push({ shard, first_index: index, last_index: index, records: 1 });
    return;
  }
  last.last_index = index;
  last.records++;
}

/** @param byTime the last of an end is the one that was received last, not the one that stands last. */
function addToRun(run: OpenRun, entry: RunledgerRecord, byTime: boolean): void {
  const { facts } = run;
  facts.records++;
  if (entry.start_time < facts.start_time) facts.start_time = entry.start_time;
  if (entry.end_time > facts.end_time) facts.end_time = entry.end_time;
  const isStart = entry.event === "run_start" && !run.started;
  for (const name of FACTS) {
    const value = entry.run[name];
    if (value !== null && (facts[name] === null || isStart)) facts[name] = value;
  }
  if (isStart) run.started = true;
  if (entry.run_seq !== null) {
    facts.numbered++;
    run.numbers.add(entry.run_seq);
  }
  if (entry.end !== null && !(byTime && run.endedAt !== null && entry.received_time < run.endedAt)) {
    run.endedAt = entry.received_time;
    facts.status = entry.end.status;
    facts.outcome = entry.end.outcome;
    facts.reason = entry.end.reason;
    facts.records_expected = entry.end.records;
  }
  if (entry.event === "step") addStep(run, entry, byTime);
}

function addStep(run: OpenRun, entry: RunledgerRecord, byTime: boolean): void {
  const { facts } = run;
  facts.steps++;
  if (entry.status === "error") facts.errors++;
  if (entry.kind === "tool") facts.tool_calls++;
  if (entry.root && !(byTime && entry.received_time < run.rootAt)) {
    run.rootStatus = entry.status === "error" ? "failed" : "completed";
    run.rootAt = entry.received_time;
  }
  addName(facts.models, entry.llm && (entry.llm.response_model ?? entry.llm.request_model));
  addName(facts.tools, entry.tool?.name ?? null);
  if (entry.llm?.counted !== true) return;
  facts.llm_calls++;
  facts.input_tokens = sum(facts.input_tokens, entry.llm.input_tokens);
  facts.output_tokens = sum(facts.output_tokens, entry.llm.output_tokens);
  if (entry.cost !== null) run.costNanoUsd = (run.costNanoUsd ?? 0n) + nanoUsd(entry.cost.usd);
  if (entry.status === "error") return;
  if (facts.input_missing !== undefined && entry.llm.input_tokens === null) facts.input_missing++;
  const writesNone = entry.operation === "embeddings";
  if (facts.output_missing !== undefined && entry.llm.output_tokens === null && !writesNone) facts.output_missing++;
  if (facts.cost_missing !== undefined && entry.cost === null) facts.cost_missing++;
}

function finishedRun(run: OpenRun, ofSeveral: boolean): BundleRun {
  const { facts, logs, numbers, costNanoUsd, rootStatus, endedAt } = run;
  const [first] = logs;
  const end = facts.numbered === 0 ? 0 : (facts.records_expected ?? numbers.max + 1);
  const place = ofSeveral ? { logs } : { first_index: first?.first_index ?? 0, last_index: first?.last_index ?? 0 };
  return {
    ...facts,
    ...place,
    status: endedAt !== null ? facts.status : (rootStatus ?? "open"),
    cost_usd: costNanoUsd === null ? null : usdOf(costNanoUsd),
    models: facts.models.toSorted(byUtf8),
    tools: facts.tools.toSorted(byUtf8),
    gaps: numbers.missing(end, MAX_GAPS),
  };
}

function addName(names: string[], name: string | null): void {
  if (name !== null && name !== "" && names.length < MAX_NAMES && !names.includes(name)) names.push(name);
}

function sum(total: number | null, value: number | null): number | null {
  return value === null ? total : (total ?? 0) + value;
}

function nanoUsd(usd: string): bigint {
  const [whole = "0", fraction = ""] = usd.split(".");
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
}

function usdOf(nano: bigint): string {
  return `${nano / 1_000_000_000n}.${String(nano % 1_000_000_000n).padStart(9, "0")}`;
}

function countPrice(
  prices: Map<string, { name: string; records: number; version: string }>,
  name: string,
  version: string,
): void {
  const key = JSON.stringify([name, version]);
  const price = prices.get(key) ?? { name, records: 0, version };
  price.records++;
  prices.set(key, price);
}

/** The order of UTF-8 bytes, which is that of code points; JavaScript's own is of UTF-16 units. */
export function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
