import type { RunledgerRecord } from "../record/record.ts";
import { createNumberSet, type NumberSet } from "./number-set.ts";
import { byUtf8 } from "./utf8-order.ts";

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

/** As much of an entry as its run's facts are made of. */
export interface RunEntry
  extends Pick<
    RunledgerRecord,
    | "event"
    | "run_id"
    | "run_seq"
    | "start_time"
    | "end_time"
    | "received_time"
    | "status"
    | "kind"
    | "operation"
    | "root"
  > {
  run: Pick<RunledgerRecord["run"], (typeof FACTS)[number]>;
  end: RunledgerRecord["end"];
  llm: Pick<LlmFacts, "request_model" | "response_model" | "counted" | "input_tokens" | "output_tokens"> | null;
  tool: { name: string } | null;
  cost: { usd: string } | null;
}
type LlmFacts = NonNullable<RunledgerRecord["llm"]>;

export interface PlacedEntry {
  index: number;
  /** Of the log that the index is of. */
  shard: string;
  entry: RunEntry;
}

export interface CountingRules {
  /** The bundle is of several logs. */
  ofSeveral: boolean;
  /** `sums` of its manifest. Undefined, before there was that: no `…_missing`, and in one log each entry counted. */
  sums: 2 | undefined;
}

/** A run while its entries are shown. */
export interface OpenRun {
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

const RUN_EVENTS: ReadonlySet<string> = new Set(["run_start", "run_heartbeat", "step", "run_end", "log"]);
const FACTS = ["agent_name", "agent_version", "task_id", "task_type", "session_id", "user_id"] as const;
const MAX_NAMES = 100;
const MAX_GAPS = 20;

/** Does it belong to a run? Acts and metrics don't. */
export function isOfRun({ event }: Pick<RunledgerRecord, "event">): boolean {
  return RUN_EVENTS.has(event);
}

/** Of the first entry of its run, which is to be added, too. */
export function openRun({ index, shard, entry }: PlacedEntry, { sums }: CountingRules): OpenRun {
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
    ...(sums === 2 && { input_missing: 0, output_missing: 0, cost_missing: 0 }),
  };
  const untold = { costNanoUsd: null, rootStatus: null, started: false, endedAt: null, rootAt: "" };
  const logs = [{ shard, first_index: index, last_index: index, records: 0 }];
  return { facts, logs, numbers: createNumberSet(), ...untold };
}

/** In the bundle's order. `shard`: of the log that the index is of. Of several logs the last of an end is the one that was received last, not the one that stands last. */
export function addToRun(
  run: OpenRun,
  { index, shard, entry }: PlacedEntry,
  { ofSeveral: byTime }: Pick<CountingRules, "ofSeveral">,
): void {
  const { facts } = run;
  addPlace(run.logs, shard, index);
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

/** What `runs.json` tells of it. */
export function finishedRun(run: OpenRun, { ofSeveral }: Pick<CountingRules, "ofSeveral">): BundleRun {
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

function addPlace(logs: RunInLog[], shard: string, index: number): void {
  const last = logs.at(-1);
  if (last?.shard !== shard) {
    logs.push({ shard, first_index: index, last_index: index, records: 1 });
    return;
  }
  last.last_index = index;
  last.records++;
}

function addStep(run: OpenRun, entry: RunEntry, byTime: boolean): void {
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
