import type { RunledgerRecord } from "@runledger/contract";
import type { Rows } from "@runledger/storage";

/** A client's clock may be this much ahead of ours before a copy that came earlier is looked for too late. */
const CLOCK_MARGIN_MS = 10 * 60_000;
/** So far back is looked in any case: it costs nothing, the days are few and sorted by run. */
const ALWAYS_LOOKED_MS = 24 * 3_600_000;
const IDS_PER_QUERY = 1_000;

export type Placed = Pick<RunledgerRecord, "tenant" | "record_id" | "run_id" | "end_time" | "received_time">;

/** A record as one tenant has it: the same may come under two, whose keys a client changed. */
export function placeOf({ tenant, record_id }: Pick<Placed, "tenant" | "record_id">): string {
  return record_id + tenant;
}

/** Where records are looked up: parameters of `WITHIN`. */
export interface Place extends Record<string, unknown> {
  tenant: string;
  run_ids: string[];
  ids: string[];
  since: string;
}

/** By run first, which is how `steps` is sorted. */
export const WITHIN = `tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}
  AND received_time >= parseDateTime64BestEffort({since:String}, 9, 'UTC') AND record_id IN {ids:Array(String)}`;

/** What collectors that write the same ClickHouse have of a batch. */
export interface OtherJournals {
  /** Whether ClickHouse has what we have inserted: not before the first time, nor when it was emptied since. */
  knowUs(): Promise<boolean>;
  /** Once, before anything is inserted: from then on the others look out for us. */
  announce(): Promise<void>;
  /** Whether there was ever another one. One that comes later sees in `find` what we have inserted until then. */
  exist(): Promise<boolean>;
  /** Of these records, the places (`placeOf`) of those that ClickHouse has: not counting rows of our own journal from frame `fromSeq` on. */
  find(records: readonly Placed[], fromSeq: number): Promise<Set<string>>;
  /** The places of our own rows of these frames: what a crash has left of a batch in flight. */
  landed(fromSeq: number, toSeq: number): Promise<Set<string>>;
}

export function createOtherJournals(rows: Rows, journal: string): OtherJournals {
  let known = false;
  const exist = async () => {
    if (known) return true;
    const others = await rows.query("SELECT 1 FROM journals WHERE journal != {journal:String} LIMIT 1", { journal });
    known = others.length > 0;
    return known;
  };
  return {
    knowUs: async () =>
      (await rows.query("SELECT 1 FROM journals WHERE journal = {journal:String} AND NOT emptied LIMIT 1", { journal }))
        .length > 0,
    exist,
    announce: () => rows.insert("journals", [{ journal }], `journal-${journal}`),
    async find(records, fromSeq) {
      const found = new Set<string>();
      if (!(await exist())) return found;
      for (const place of placesOf(records)) {
        const held = await rows.query<{ record_id: string }>(
          `SELECT DISTINCT record_id FROM steps
           WHERE ${WITHIN} AND NOT (journal IN ('', {journal:String}) AND journal_seq >= {from:UInt64})`,
          { ...place, journal, from: fromSeq },
        );
        for (const { record_id } of held) found.add(placeOf({ tenant: place.tenant, record_id }));
      }
      return found;
    },
    async landed(fromSeq, toSeq) {
      const mine = await rows.query<{ tenant: string; record_id: string }>(
        `SELECT tenant, record_id FROM steps
         WHERE journal = {journal:String} AND journal_seq >= {from:UInt64} AND journal_seq < {to:UInt64}`,
        { journal, from: fromSeq, to: toSeq },
      );
      return new Set(mine.map(placeOf));
    },
  };
}

export function* placesOf(records: readonly Placed[]): Generator<Place> {
  for (const [tenant, ofTenant] of Map.groupBy(records, (record) => record.tenant)) {
    for (let i = 0; i < ofTenant.length; i += IDS_PER_QUERY) {
      const some = ofTenant.slice(i, i + IDS_PER_QUERY);
      yield {
        tenant,
        run_ids: [...new Set(some.map(({ run_id }) => run_id))],
        ids: some.map(({ record_id }) => record_id),
        since: new Date(Math.min(...some.map(earliestMs))).toISOString(),
      };
    }
  }
}

/** A copy can't have been received before the record ended, but for wrong clocks. */
function earliestMs({ end_time, received_time }: Placed): number {
  const ended = Date.parse(end_time) - CLOCK_MARGIN_MS;
  return Math.max(0, Math.min(ended, Date.parse(received_time) - ALWAYS_LOOKED_MS));
}
