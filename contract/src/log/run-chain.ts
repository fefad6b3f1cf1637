import { createNumberRanges, type NumberRanges } from "../bundle/number-ranges.ts";
import type { RunledgerRecord } from "../record/record.ts";

/** A record as its run's completeness sees it. */
export type RunLink = Pick<
  RunledgerRecord,
  | "tenant"
  | "run_id"
  | "event"
  | "record_id"
  | "run_seq"
  | "run_prev"
  | "received_time"
  | "run"
  | "end"
  | "operation"
  | "act"
>;

/** What contradicts itself in the records of a run, whatever else may still come. */
export interface ChainFault {
  kind: "fork" | "out_of_chain" | "false_end";
  what: string;
}

/** The numbers of a run, and who names whom as the one before. Records may come in any order; small where they come almost in theirs. */
export interface RunChain {
  readonly numbers: NumberRanges;
  readonly end: { number: number | null; records: number | null } | null;
  /** RFC 3339: the last time of receipt. */
  readonly lastSeen: string;
  readonly heartbeatMs: number | null;
  /** Where later processes went on. */
  readonly resumedAt: readonly number[];
  /** A numbered record that is not here yet, and every other record of the run. */
  add(link: RunLink, report: (fault: ChainFault) => void): void;
  /** All is here that the end commits to, and it is one chain. */
  isWhole(): boolean;
}

/** Records that wait for their neighbour; the first ones beyond it are compared with none. */
const MAX_WAITING = 10_000;
const MAX_RESUMED = 100;

export function createRunChain(): RunChain {
  const numbers = createNumberRanges();
  /** By number: ids of records whose successor is not here yet, and what records without their predecessor name. */
  const ids = new Map<number, string>();
  const named = new Map<number, string>();
  const resumedAt: number[] = [];
  let end: RunChain["end"] = null;
  let lastSeen = "";
  let heartbeatMs: number | null = null;
  let firstChained = Number.POSITIVE_INFINITY;
  let lastUnchained = 0;
  let toldUnchained = false;

  const compare = (number: number, prev: string, before: string, report: (fault: ChainFault) => void): void => {
    if (prev !== before)
      report({
        kind: "out_of_chain",
        what: `record ${number} does not name record ${number - 1} as the one before it`,
      });
  };
  const link = (number: number, { record_id: id, run_prev: prev }: RunLink, report: (fault: ChainFault) => void) => {
    const successor = named.get(number + 1);
    if (successor !== undefined) compare(number + 1, successor, id, report);
    else keep(ids, number, id);
    named.delete(number + 1);
    if (number === 0) {
      if (prev !== undefined) report({ kind: "out_of_chain", what: "record 0 names one before it" });
      return;
    }
    const before = ids.get(number - 1);
    ids.delete(number - 1);
    if (prev === undefined) {
      lastUnchained = Math.max(lastUnchained, number);
    } else {
      firstChained = Math.min(firstChained, number);
      if (before !== undefined) compare(number, prev, before, report);
      else if (!numbers.has(number - 1)) keep(named, number, prev);
    }
    // A run may be begun by a version without chains, never be gone on with by one.
    if (lastUnchained <= firstChained || toldUnchained) return;
    toldUnchained = true;
    report({ kind: "out_of_chain", what: `record ${lastUnchained} names none before it, as others of its run do` });
  };

  return {
    numbers,
    resumedAt,
    get end() {
      return end;
    },
    get lastSeen() {
      return lastSeen;
    },
    get heartbeatMs() {
      return heartbeatMs;
    },
    add(record, report) {
      const { run_seq: number } = record;
      if (record.received_time > lastSeen) lastSeen = record.received_time;
      heartbeatMs = record.run.heartbeat_interval_ms ?? heartbeatMs;
      if (record.end !== null) {
        if (end !== null && end.number !== number)
          report({ kind: "false_end", what: `it has two ends, records ${end.number} and ${number}` });
        end ??= { number, records: record.end.records };
        if (number !== null && end.number === number && end.records !== null && end.records !== number + 1)
          report({ kind: "false_end", what: `its end is record ${number} and commits to ${end.records} records` });
      }
      if (number === null) return;
      if (numbers.has(number)) {
        report({ kind: "fork", what: `there are two records ${number} with different content` });
        return;
      }
      link(number, record, report);
      numbers.add(number);
      if (record.operation === "resume" && resumedAt.length < MAX_RESUMED) resumedAt.push(number - 1);
    },
    isWhole: () =>
      end?.records === numbers.max + 1 && named.size === 0 && numbers.missing(numbers.max + 1, 1).length === 0,
  };
}

function keep(waiting: Map<number, string>, number: number, id: string): void {
  const [oldest] = waiting.keys();
  if (waiting.size >= MAX_WAITING && oldest !== undefined) waiting.delete(oldest);
  waiting.set(number, id);
}
