import { createDigestSet } from "../bundle/digest-set.ts";
import { HEARTBEAT_SILENCE_MS, HEARTBEATS_MISSED, SILENCE_ABANDONS_MS } from "../record/record.ts";
import { createRunChain, type RunChain, type RunLink } from "./run-chain.ts";
import { createToldAgain } from "./told-again.ts";
import type { Findings } from "./verification.ts";
import { createWaitingRoom } from "./waiting-ids.ts";

/**
 * What was looked at. `log`: all of one log, or of all shards, and every entry was there · `damaged`: the same, but entries that the tree has could not be read ·
 * `selection`: what somebody chose · `range`: all between two places, so that runs may begin before and end after.
 */
export type RunCoverage = "log" | "damaged" | "selection" | "range";

/**
 * `never_arrived`: the log is whole and has no such record · `removed`: entries of the log are missing, and these may be them · `not_here`: withheld,
 * elsewhere, or never arrived · `fork`: two records with one number · `out_of_chain`: a record names another before it than the one that is there ·
 * `false_end`: the end contradicts the records.
 */
export type RunProblemKind = "never_arrived" | "removed" | "not_here" | "fork" | "out_of_chain" | "false_end";

export interface RunProblem {
  run_id: string;
  kind: RunProblemKind;
  what: string;
}

/** A run without an end. `crashed`: its signs of life stopped long before the last thing that is here; `still_running`: nothing here shows that. */
export interface UnclosedRun {
  run_id: string;
  state: "crashed" | "still_running";
  last_seen_time: string;
  /** The highest number that is here, plus one. */
  records: number;
}

/** The runs that were seen, each in one of these. `unfollowed` of them were too many to follow: nothing is said of them. */
export interface RunsSummary {
  whole: number;
  broken: number;
  crashed: number;
  still_running: number;
  /** No record of it carries a number, or it ends without a number and without a count: its sender does not number, so nothing can be said. */
  not_numbered: number;
  unfollowed: number;
  /** Of a range: runs with records outside of it, or that never arrived. */
  partly_here: number;
  /** The first ones. */
  problems: RunProblem[];
  problems_total: number;
  /** The first ones. */
  unclosed: UnclosedRun[];
  /** Whatever else they are counted as. */
  unclosed_total: number;
  /** Of records that are told again with other facts. No verdict. */
  notes: string[];
}

/** Finds what is missing in runs, and what contradicts itself. Each record of a log once, in the log's order or any other. */
export interface RunCompleteness {
  add(record: RunLink): void;
  /** @param goneOnUntil RFC 3339: time went on until then, as others attest; "": nobody does. */
  finish(coverage: RunCoverage, goneOnUntil?: string): RunsSummary;
}

const MAX_PROBLEMS = 100;
const MAX_UNCLOSED = 50;
const MAX_GAPS = 20;
/** Of a store: runs that are not whole yet, at a kilobyte each; one that is whole costs 12 to 24 bytes. */
const MAX_OPEN_RUNS = 200_000;
const MAX_REOPENED = 200_000;
/** Runs without numbers, at as much. */
const MAX_UNNUMBERED = 1 << 24;
/** Of all runs together, records that wait for a neighbour: one with more is not followed to its end. */
const MAX_WAITING = 1_000_000;
const RUN_EVENTS: ReadonlySet<string> = new Set(["run_start", "run_heartbeat", "step", "run_end", "log"]);

/**
 * @param secret random bytes, 16 at least: nobody can make records that are taken for others.
 * @param maxOpenRuns runs without an end, or not whole yet, that are followed at once; no bound for who keeps more of each run anyway.
 */
export function createRunCompleteness(secret: Uint8Array, maxOpenRuns = MAX_OPEN_RUNS): RunCompleteness {
  const room = createWaitingRoom(secret, MAX_WAITING);
  const open = new Map<string, { runId: string; chain: RunChain; broken: boolean }>();
  /** When it is full, a record that comes twice is not told from a fork. */
  const told = createToldAgain(secret);
  const whole = createDigestSet(secret);
  const unnumbered = createUnnumberedRuns(secret);
  const unfollowed = createDigestSet(secret);
  const summary = emptySummary();
  /** Of runs that were whole before more came. */
  const reopened = new Set<string>();
  let newest = "";

  const report = (problem: RunProblem): void => {
    summary.problems_total++;
    if (summary.problems.length < MAX_PROBLEMS) summary.problems.push(problem);
  };
  const contradict = (key: string, { run_id }: RunLink, what: string): void => {
    const run = open.get(key);
    if (run !== undefined) run.broken = true;
    else if (whole.has(key) && !reopened.has(key)) {
      summary.whole--;
      summary.broken++;
      if (reopened.size < MAX_REOPENED) reopened.add(key);
    }
    report({ run_id, kind: "fork", what });
  };

  return {
    add(record) {
      if (record.received_time > newest) newest = record.received_time;
      if (!RUN_EVENTS.has(record.event)) return;
      const key = `${record.tenant}\n${record.run_id}`;
      const { run_seq: number, record_id } = record;
      const telling = told.add(record);
      if (telling === "other")
        contradict(key, record, `there are two records ${number ?? record_id} with different content`);
      if (telling !== "first") return;
      let run = open.get(key);
      const saysNothing = number === null && (record.end?.records ?? null) === null;
      if (saysNothing && run === undefined && !whole.has(key)) {
        if (unnumbered.add(key, record.end !== null)) summary.not_numbered++;
        return;
      }
      if (number === null && record.end === null) {
        run?.chain.add(record, () => undefined);
        return;
      }
      if (run === undefined && whole.has(key)) {
        if (!told.isFull)
          contradict(key, record, `record ${number ?? record_id} is there beside all that its end commits to`);
        return;
      }
      if (run === undefined) {
        // Once left out it stays so: what was not followed would look as if it had never arrived.
        if (open.size >= maxOpenRuns || unfollowed.has(key)) {
          if (unfollowed.add(key)) summary.unfollowed++;
          return;
        }
        if (unnumbered.has(key)) summary.not_numbered--;
        run = { runId: record.run_id, chain: createRunChain(room, unnumbered.hasEnd(key)), broken: false };
        open.set(key, run);
      }
      const known = run;
      known.chain.add(record, (fault) => {
        if (fault.kind === "fork" && told.isFull) return;
        known.broken = true;
        report({ run_id: record.run_id, ...fault });
      });
      if (known.broken || !known.chain.isWhole()) return;
      known.chain.close();
      open.delete(key);
      whole.add(key);
      summary.whole++;
    },
    finish(coverage, goneOnUntil = "") {
      const newestMs = Math.max(...[newest, goneOnUntil].filter((time) => time !== "").map(Date.parse));
      for (const { runId, chain, broken } of open.values()) {
        const problem = problemOf(runId, chain, coverage);
        if (problem !== null) report(problem);
        const unclosed = unclosedOf(runId, chain, newestMs);
        if (unclosed !== null && summary.unclosed_total++ < MAX_UNCLOSED) summary.unclosed.push(unclosed);
        summary[broken || problem !== null ? "broken" : standingOf(chain, unclosed)]++;
      }
      open.clear();
      summary.notes = told.notes();
      return summary;
    },
  };
}

/** By key: whether all that was seen of a run are records without numbers, and whether one of them was its end. */
function createUnnumberedRuns(secret: Uint8Array) {
  const runs = createDigestSet(secret);
  const ended = createDigestSet(secret);
  return {
    /** @returns whether it is new. */
    add(key: string, isEnd: boolean): boolean {
      if (runs.size >= MAX_UNNUMBERED) return false;
      if (isEnd) ended.add(key);
      return runs.add(key);
    },
    has: (key: string): boolean => runs.has(key),
    hasEnd: (key: string): boolean => ended.has(key),
  };
}

function standingOf({ hasForgotten, numbers, end }: RunChain, unclosed: UnclosedRun | null) {
  if (hasForgotten) return "unfollowed";
  if (numbers.missing(end?.records ?? numbers.max + 1, 1).length > 0) return "partly_here";
  if (end !== null && end.number === null && end.records === null) return "not_numbered";
  return unclosed?.state ?? "whole";
}

function emptySummary(): RunsSummary {
  return {
    ...{ whole: 0, broken: 0, crashed: 0, still_running: 0, not_numbered: 0, unfollowed: 0, partly_here: 0 },
    ...{ problems: [], problems_total: 0, unclosed: [], unclosed_total: 0, notes: [] },
  };
}

/** What is missing below the end, or below the highest number. In a range it may lie outside. */
function problemOf(runId: string, { numbers, end, resumedAt }: RunChain, coverage: RunCoverage): RunProblem | null {
  const expected = end?.records ?? null;
  if (expected !== null && numbers.max >= expected) {
    const what = `its end commits to ${expected} records, and record ${numbers.max} is there`;
    return { run_id: runId, kind: "false_end", what };
  }
  const gaps = coverage === "range" ? [] : numbers.missing(expected ?? numbers.max + 1, MAX_GAPS);
  if (gaps.length === 0) return null;
  const which = `records ${gaps.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)).join(", ")}`;
  const died = gaps.some(([, last]) => resumedAt.includes(last + 1))
    ? "; a process died before it had sent all, and another went on"
    : "";
  const { kind, why } = WHY[coverage === "range" ? "selection" : coverage];
  return { run_id: runId, kind, what: `${which}${expected === null ? "" : ` of ${expected}`} ${why}${died}` };
}

const WHY: Record<Exclude<RunCoverage, "range">, { kind: RunProblemKind; why: string }> = {
  log: { kind: "never_arrived", why: "never arrived: every entry of the log is here, and they are none of them" },
  damaged: { kind: "removed", why: "were removed, or never arrived: entries of the log are missing" },
  selection: { kind: "not_here", why: "are not here: withheld, elsewhere in the log, or never arrived" },
};

function unclosedOf(
  runId: string,
  { end, lastSeen, heartbeatMs, numbers }: RunChain,
  newestMs: number,
): UnclosedRun | null {
  if (end !== null) return null;
  const silenceMs =
    heartbeatMs === null ? SILENCE_ABANDONS_MS : Math.max(HEARTBEATS_MISSED * heartbeatMs, HEARTBEAT_SILENCE_MS);
  const state = newestMs - Date.parse(lastSeen) > silenceMs ? "crashed" : "still_running";
  return { run_id: runId, state, last_seen_time: lastSeen, records: numbers.max + 1 };
}

/** Nothing in the log was changed: what is missing, or contradicts itself, was so when it was written. */
export function addRunProblems({ problems, problems_total }: RunsSummary, findings: Findings): void {
  for (const { run_id, what } of problems) findings.add("INCOMPLETE", `run ${run_id}`, what);
  const more = problems_total - problems.length;
  if (more > 0) findings.add("INCOMPLETE", "runs", `and ${more} more such findings`);
}

/** What a verdict leaves open. */
export function notesOfUnfollowed({ unfollowed }: RunsSummary): string[] {
  return unfollowed === 0 ? [] : [`Not proven: that runs which were too many to follow are whole (${unfollowed}).`];
}

/** In a line: `118 whole, 1 not whole, 2 crashed, …`. */
export function formatRuns(runs: RunsSummary): string {
  const words = [
    [runs.whole, "whole"],
    [runs.broken, "not whole"],
    [runs.crashed, "crashed"],
    [runs.still_running, "still running"],
    [runs.not_numbered, "not numbered"],
    [runs.unfollowed, "not followed"],
    [runs.partly_here, "partly here"],
  ] as const;
  return (
    words
      .filter(([count]) => count > 0)
      .map(([count, word]) => `${count} ${word}`)
      .join(", ") || "none"
  );
}

/** A line for each of the first runs without an end. */
export function unclosedLines({ unclosed, unclosed_total }: RunsSummary): string[] {
  const lines = unclosed.map(({ run_id, state, records, last_seen_time }) => {
    const label = state === "crashed" ? "crashed" : "still running";
    return `  ${label.padEnd(12)} run ${run_id}: ${records} records and no end, last seen ${last_seen_time.slice(0, 19)}Z`;
  });
  const more = unclosed_total - lines.length;
  return more > 0 ? [...lines, `  … and ${more} more runs without an end`] : lines;
}
