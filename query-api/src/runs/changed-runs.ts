import type { Rows } from "@runledger/storage";

/** Rows are inserted in nearly, not exactly, the order of their received_time: so far back is looked again. */
export const OVERLAP_MS = 10_000;
const NS_PER_MS = 1_000_000n;

export interface ChangedRuns {
  /** Runs with records that came since the last poll, at most `maxRuns`, oldest change first; the rest comes with the next poll. */
  poll(): Promise<string[]>;
  /** Everything received before was seen, ns since the epoch: where to start from after a restart. */
  watermarkNs(): bigint;
  /** The last poll found no more than it could tell. */
  caughtUp(): boolean;
  /** The next poll tells again what the last one told: for who failed to act on it. */
  rewind(): void;
}

/**
 * Follows what arrives, by the collector's clock. A run is told again when more of it came, and now and then when nothing did;
 * a record that arrives more than OVERLAP_MS behind later ones is noticed with its run's next record.
 */
export function createChangedRuns(
  rows: Rows,
  settings: { tenant: string; startNs: bigint; maxRuns: number },
): ChangedRuns {
  let state: State = { newestNs: settings.startNs, after: overlapped(settings.startNs), told: new Map(), full: false };
  let before = state;
  return {
    watermarkNs: () => (state.full ? state.after.ns : state.newestNs),
    caughtUp: () => !state.full,
    rewind() {
      state = before;
    },
    async poll() {
      const { after, told } = state;
      const found = await rows.query<{ run_id: string; seen: string; state: string }>(CHANGED, {
        tenant: settings.tenant,
        after_ns: after.ns.toString(),
        after_run: after.runId,
        max_runs: settings.maxRuns,
      });
      const last = found.at(-1);
      const newestNs = last && BigInt(last.seen) > state.newestNs ? BigInt(last.seen) : state.newestNs;
      const full = last !== undefined && found.length === settings.maxRuns;
      // What is not within the overlap any more can't be told twice, so it need not be remembered.
      const states = new Map(found.map((row) => [row.run_id, row.state]));
      before = state;
      state = {
        newestNs,
        full,
        after: full ? { ns: BigInt(last.seen), runId: last.run_id } : overlapped(newestNs),
        told: full ? new Map([...told, ...states]) : states,
      };
      return found.filter((row) => told.get(row.run_id) !== row.state).map((row) => row.run_id);
    },
  };
}

interface State {
  newestNs: bigint;
  after: { ns: bigint; runId: string };
  told: Map<string, string>;
  full: boolean;
}

function overlapped(ns: bigint): State["after"] {
  return { ns: ns - BigInt(OVERLAP_MS) * NS_PER_MS, runId: "" };
}

const CHANGED = `
SELECT run_id, seen, concat(seen, ' ', toString(records), ' ', toString(corrections.version)) AS state
FROM (
  SELECT run_id, max(last_seen_time) AS last_seen, toString(toUnixTimestamp64Nano(last_seen)) AS seen, sum(records) AS records
  FROM runs
  WHERE tenant = {tenant:String} AND last_seen_time >= fromUnixTimestamp64Nano({after_ns:Int64})
  GROUP BY run_id
  HAVING (toUnixTimestamp64Nano(last_seen), run_id) > ({after_ns:Int64}, {after_run:String})
  ORDER BY last_seen, run_id
  LIMIT {max_runs:UInt32}
) AS changed
LEFT ANY JOIN (
  SELECT run_id, version FROM run_corrections FINAL
  WHERE tenant = {tenant:String} AND received_time >= fromUnixTimestamp64Nano({after_ns:Int64}) - toIntervalDay(1)
) AS corrections USING run_id
ORDER BY last_seen, run_id`;
