import { canonicalJson } from "../record/canonical-json.ts";
import type { RunledgerRecord } from "../record/record.ts";
import {
  addToRun,
  type BundleRun,
  type CountingRules,
  finishedRun,
  isOfRun,
  type OpenRun,
  openRun,
} from "./bundle-run.ts";
import { createDigestSet } from "./digest-set.ts";
import { byUtf8 } from "./utf8-order.ts";

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

/** What the entries come to that it is shown, in the bundle's order. Memory grows by 12 to 24 bytes an entry. */
export interface EntrySums {
  /** False for a record that was there before: the first counts. */
  add(entry: RunledgerRecord): boolean;
  /** @param runs how many there are. */
  summary(runs: number): BundleSummary;
}

/** With the runs, which are all kept in memory. */
export interface RunFactsOfEntries {
  add(index: number, entry: RunledgerRecord, shard?: string): boolean;
  /** Ordered by run id. */
  runs(): Generator<BundleRun>;
  summary(): BundleSummary;
}

/** @param secret random bytes, 16 at least, by which records are remembered. */
export function createEntrySums(secret: Uint8Array, { ofSeveral, sums }: CountingRules): EntrySums {
  const known = sums === 2 || ofSeveral ? createDigestSet(secret) : null;
  const prices = new Map<string, { name: string; records: number; version: string }>();
  const summary = { entries: 0, duplicates: 0, acts: 0 };
  const received: { first: string | null; last: string | null } = { first: null, last: null };

  const noteTime = (time: string): void => {
    // In one log the order of indexes counts, whatever its clock did.
    if (received.first === null || (ofSeveral && time < received.first)) received.first = time;
    if (received.last === null || !ofSeveral || time > received.last) received.last = time;
  };
  return {
    add(entry) {
      summary.entries++;
      noteTime(entry.received_time);
      if (known?.add(entry.record_id) === false) {
        summary.duplicates++;
        return false;
      }
      if (entry.event === "act") summary.acts++;
      if (entry.cost !== null) countPrice(prices, entry.cost.price_table, entry.cost.price_version);
      return true;
    },
    summary: (runs) => ({
      acts: summary.acts,
      entries: summary.entries,
      ...(known && { duplicates: summary.duplicates }),
      first_received_time: received.first,
      last_received_time: received.last,
      runs,
      price_tables: [...prices.values()].sort((a, b) => byUtf8(a.name, b.name) || byUtf8(a.version, b.version)),
    }),
  };
}

/** @param secret as of `createEntrySums`. */
export function createRunFacts(secret: Uint8Array, rules: CountingRules): RunFactsOfEntries {
  const sums = createEntrySums(secret, rules);
  const runs = new Map<string, OpenRun>();
  return {
    add(index, entry, shard = "") {
      if (!sums.add(entry)) return false;
      if (!isOfRun(entry)) return true;
      let run = runs.get(entry.run_id);
      if (run === undefined) {
        run = openRun({ index, shard, entry }, rules);
        runs.set(entry.run_id, run);
      }
      addToRun(run, { index, shard, entry }, rules);
      return true;
    },
    *runs() {
      for (const id of [...runs.keys()].sort(byUtf8)) yield finishedRun(runs.get(id) as OpenRun, rules);
    },
    summary: () => sums.summary(runs.size),
  };
}

/** The parts of `runs.json`, one behind the other. */
export function* runsJson(runs: Iterable<BundleRun>): Generator<string> {
  const json = createRunsJson();
  for (const run of runs) yield json.add(run);
  yield json.end();
}

/** The same for runs that come one by one, ordered by run id. */
export function createRunsJson(): { add(run: BundleRun): string; end(): string } {
  let before = "[\n";
  return {
    add(run) {
      const text = `${before}${canonicalJson(run)}`;
      before = ",\n";
      return text;
    },
    end: () => (before === "[\n" ? "[\n\n]\n" : "\n]\n"),
  };
}

export function summaryJson(summary: BundleSummary): string {
  return `${canonicalJson(summary)}\n`;
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
