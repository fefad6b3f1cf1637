import { createNumberSet, type NumberSet } from "../bundle/number-set.ts";
import type { AGENT_FACT_NAMES } from "../record/agent-facts.ts";
import type { RunledgerRecord } from "../record/record.ts";
import type { Digest, WaitingRoom } from "./waiting-ids.ts";

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
  | "status"
  | "tool"
  | "kind"
  | "llm"
  | "cost"
  | "trace_id"
  | "step_id"
  | "parent_id"
  | "start_time"
  | "end_time"
  | "name"
  | "error"
  | "attributes"
  | "events"
  | (typeof AGENT_FACT_NAMES)[number]
>;

/** What contradicts itself in the records of a run, whatever else may still come. */
export interface ChainFault {
  kind: "fork" | "out_of_chain" | "false_end";
  what: string;
}

/** The numbers of a run, and who names whom as the one before. Records may come in any order; small where they come almost in theirs. */
export interface RunChain {
  readonly numbers: NumberSet;
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
  /** Some of it was not compared with its neighbours: too many records waited for theirs. */
  readonly hasForgotten: boolean;
  /** Lets go of what waits. */
  close(): void;
}

const MAX_RESUMED = 100;

/** @param hasEnd one without a number, which commits to nothing, came before. */
export function createRunChain(room: WaitingRoom, hasEnd = false): RunChain {
  const numbers = createNumberSet();
  /** By number: ids of records whose successor is not here yet, and what records without their predecessor name. */
  const ids = room.open();
  const named = room.open();
  const resumedAt: number[] = [];
  let end: RunChain["end"] = hasEnd ? { number: null, records: null } : null;
  let lastSeen = "";
  let heartbeatMs: number | null = null;
  let firstChained = Number.POSITIVE_INFINITY;
  let lastUnchained = 0;
  let toldUnchained = false;
  let hasForgotten = false;

  const compare = (number: number, prev: Digest, before: Digest, report: (fault: ChainFault) => void): void => {
    if (prev !== before)
      report({
        kind: "out_of_chain",
        what: `record ${number} does not name record ${number - 1} as the one before it`,
      });
  };
  const link = (number: number, { record_id, run_prev }: RunLink, report: (fault: ChainFault) => void) => {
    const id = room.digest(record_id);
    const prev = run_prev === undefined ? undefined : room.digest(run_prev);
    const successor = named.take(number + 1);
    if (successor !== undefined) compare(number + 1, successor, id, report);
    else if (!ids.keep(number, id)) hasForgotten = true;
    if (number === 0) {
      if (prev !== undefined) report({ kind: "out_of_chain", what: "record 0 names one before it" });
      return;
    }
    const before = ids.take(number - 1);
    if (prev === undefined) {
      lastUnchained = Math.max(lastUnchained, number);
    } else {
      firstChained = Math.min(firstChained, number);
      if (before !== undefined) compare(number, prev, before, report);
      else if (!numbers.has(number - 1) && !named.keep(number, prev)) hasForgotten = true;
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
    get hasForgotten() {
      return hasForgotten;
    },
    get heartbeatMs() {
      return heartbeatMs;
    },
    add(record, report) {
      const { run_seq: number } = record;
      if (record.received_time > lastSeen) lastSeen = record.received_time;
      heartbeatMs = record.run.heartbeat_interval_ms ?? heartbeatMs;
      if (record.end !== null) {
        const { records } = record.end;
        if (end !== null && end.number !== number)
          report({ kind: "false_end", what: `it has two ends, records ${end.number} and ${number}` });
        else if (end !== null && number === null && (end.records ?? records) !== null)
          report({ kind: "fork", what: `it has two ends, and one commits to ${end.records ?? records} records` });
        end ??= { number, records };
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
      end?.records === numbers.max + 1 && named.size === 0 && numbers.size === numbers.max + 1 && !hasForgotten,
    close: () => {
      ids.clear();
      named.clear();
    },
  };
}
