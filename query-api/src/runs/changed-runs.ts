import type { Rows } from "@runledger/storage";

/** Rows are inserted in nearly, not exactly, the order of their received_time: so far back is looked again. */
export const OVERLAP_MS = 10_000;
const NS_PER_MS = 1_000_000n;

export interface ChangedRuns {
  /** Runs with records that came since the last poll, at most `maxRuns`, oldest change first; the rest comes with the next poll. */
  poll(): Promise<string[]>;
  /** Everything received before was seen, ns since the epoch: where to start from after a restart. */
  watermarkNs(): bigint;
}

/**
 * Follows what arrives, by the collector's clock. A run is told again when more of it came, and now and then when nothing did;
 * a record that arrives more than OVERLAP_MS behind later ones is noticed with its run's next record.
 */
export function createChangedRuns(
  rows: Rows,
  settings: { tenant: string; startNs: bigint; maxRuns: number },
): ChangedRuns {
  const overlapNs = BigInt(OVERLAP_MS) * NS_PER_MS;
  let newestNs = settings.startNs;
  let after = { ns: settings.startNs - overlapNs, runId: "" };
  let told = new Map<string, string>();
  return {
    watermarkNs: () => (after.runId === "" ? newestNs : after.ns),
    async poll() {
      const found = await rows.query<{ run_id: string; seen: string; state: string }>(CHANGED, {
        tenant: settings.tenant,
        after_ns: after.ns.toString(),
        after_run: after.runId,
        max_runs: settings.maxRuns,
      });
      const last = found.at(-1);
      if (last && BigInt(last.seen) > newestNs) newestNs = BigInt(last.seen);
      const full = last !== undefined && found.length === settings.maxRuns;
      after = full ? { ns: BigInt(last.seen), runId: last.run_id } : { ns: newestNs - overlapNs, runId: "" };
      const changed = found.filter((row) => told.get(row.run_id) !== row.state).map((row) => row.run_id);
      // What is not within the overlap any more can't be told twice, so it need not be remembered.
      const states = new Map(found.map((row) => [row.run_id, row.state]));
      told = full ? new Map([...told, ...states]) : states;
      return changed;
    },
  };
}

const CHANGED = `
SELECT run_id, toString(toUnixTimestamp64Nano(max(last_seen_time))) AS seen, concat(seen, ' ', toString(sum(records))) AS state
FROM runs
WHERE tenant = {tenant:String} AND last_seen_time >= fromUnixTimestamp64Nano({after_ns:Int64})
GROUP BY run_id
HAVING (toUnixTimestamp64Nano(max(last_seen_time)), run_id) > ({after_ns:Int64}, {after_run:String})
ORDER BY max(last_seen_time), run_id
LIMIT {max_runs:UInt32}`;
