import { createDestroyedKeys, type DestroyedKeys, type ExportFilter } from "@runledger/contract";
import { QueryApiError } from "../error.ts";
import { type ExportLog, type ScannedEntry, scanLog } from "./export-log.ts";

/** Which entries an export holds. Made from the logs alone, so that it misses nothing that ClickHouse does not know yet. */
export interface Selection {
  /** Of each log, in their order. */
  logs: LogSelection[];
  /** With `runs`: in whichever logs their records stand. */
  runIds: ReadonlySet<string> | null;
  /** Which keys the logs say are destroyed, and by which act. */
  destroyed: DestroyedKeys;
}

export interface LogSelection {
  kind: "log" | "range" | "runs";
  /** [first, end) with `log` and `range`. */
  range: [number, number] | null;
  /** Entries of other tenants in the range. */
  hidden: number | null;
}

/** Runs that meet some condition of a filter are remembered while the log is read. */
const MAX_RUNS = 1_000_000;
const TIME = 1;

type Condition = (entry: ScannedEntry) => boolean;

/** Reads the whole logs once. `filter` times are nine-digit UTC texts, as records have them. */
export async function selectEntries(
  logs: readonly ExportLog[],
  filter: ExportFilter,
  tenant: string,
  signal: AbortSignal,
  onProgress: (scanned: number) => void,
): Promise<Selection> {
  const conditions = runConditions(filter);
  const isByRun = conditions.length > 0;
  const wanted = (1 << (conditions.length + 1)) - 1;
  /** Bits of the conditions that an entry of the run has met, in any log; TIME is the lowest. */
  const met = new Map<string, number>();
  const destroyed = createDestroyedKeys();
  const selected: LogSelection[] = [];
  let scanned = 0;
  for (const log of logs) {
    const range = createRange(filter, log.checkpoint.size);
    for await (const { index, entry } of scanLog(log, signal)) {
      if (scanned++ % 1_024 === 0) onProgress(scanned);
      const isOurs = entry.tenant === tenant;
      range.add(index, entry.received_time, isOurs);
      // What expires is of all tenants, and the act that says so of the installation's.
      if (isOurs || entry.act?.action === "expiry")
        destroyed.note(entry, index, logs.length === 1 ? undefined : log.shard);
      if (!isOurs) continue;
      if (isByRun && entry.run_id !== "" && entry.event !== "act") {
        const bits = bitsOf(entry, filter, conditions);
        if (bits === 0) continue;
        met.set(entry.run_id, (met.get(entry.run_id) ?? 0) | bits);
        if (met.size > MAX_RUNS) throw tooManyRuns();
      }
    }
    selected.push(isByRun ? { kind: "runs", range: null, hidden: null } : range.result());
  }
  if (!isByRun) return { logs: selected, runIds: null, destroyed };
  const runIds = new Set<string>();
  for (const [runId, bits] of met) if (bits === wanted) runIds.add(runId);
  return { logs: selected, runIds, destroyed };
}

function runConditions(filter: ExportFilter): Condition[] {
  const { agent, task_type, session, user, run_id, status, outcome } = filter;
  const conditions: (Condition | false)[] = [
    agent !== undefined && ((entry) => entry.run.agent_name === agent),
    task_type !== undefined && ((entry) => entry.run.task_type === task_type),
    session !== undefined && ((entry) => entry.run.session_id === session),
    user !== undefined && ((entry) => entry.run.user_id === user),
    run_id !== undefined && ((entry) => entry.run_id === run_id),
    status !== undefined && ((entry) => entry.end?.status === status),
    outcome !== undefined && ((entry) => entry.end?.outcome === outcome),
  ];
  return conditions.filter((condition) => condition !== false);
}

function bitsOf(entry: ScannedEntry, filter: ExportFilter, conditions: readonly Condition[]): number {
  const inTime =
    (filter.since === undefined || entry.received_time >= filter.since) &&
    (filter.until === undefined || entry.received_time < filter.until);
  // Without times every run is in time: that alone must not make us remember it.
  const others = conditions.reduce((bits, condition, i) => (condition(entry) ? bits | (TIME << (i + 1)) : bits), 0);
  const isTimed = filter.since !== undefined || filter.until !== undefined;
  if (!isTimed) return others === 0 ? 0 : others | TIME;
  return inTime ? others | TIME : others;
}

interface Range {
  add(index: number, receivedTime: string, isOurs: boolean): void;
  result(): LogSelection;
}

/**
 * From the first entry that is not before `since` to the last that is before `until`, whatever lies between; and the others' next to them, so that what
 * shows where the range ends is an entry that may be shown.
 */
export function createRange({ since, until }: ExportFilter, size: number): Range {
  let first = since === undefined ? 0 : size;
  let end = until === undefined ? size : 0;
  /** Others' entries since `first`, and those of them that lie before `end`. */
  let others = 0;
  let hidden = 0;
  /** Others' entries in a row just before this one. */
  let othersBefore = 0;
  return {
    add(index, receivedTime, isOurs) {
      if (since !== undefined && first === size && receivedTime >= since) {
        first = index - othersBefore;
        others = othersBefore;
        end = Math.max(end, index);
        hidden = others;
      }
      othersBefore = isOurs ? 0 : othersBefore + 1;
      if (index < first) return;
      if (!isOurs) others++;
      const isNext = !isOurs && index === Math.max(first, end);
      if (until === undefined || receivedTime < until || isNext) {
        end = index + 1;
        hidden = others;
      }
    },
    result() {
      if (first === size && othersBefore > 0)
        return { kind: "range", range: [size - othersBefore, size], hidden: othersBefore };
      const isWhole = since === undefined && until === undefined && hidden === 0;
      return { kind: isWhole ? "log" : "range", range: [first, Math.max(first, end)], hidden };
    },
  };
}

function tooManyRuns(): QueryApiError {
  return new QueryApiError("too_large", `more than ${MAX_RUNS} runs meet some part of the filter`, {
    hint: "export by time instead: since and until alone take any number",
  });
}
