import type { RunledgerRecord } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { placeOf } from "./other-journals.ts";

/** A client's clock may be this much ahead of ours before an old record passes for a young one. */
const CLOCK_MARGIN_MS = 10 * 60_000;
const IDS_PER_QUERY = 1_000;
/** How finely the age of what the window holds is known. */
const RECORDS_PER_MARK = 1_000;

type Aged = Pick<RunledgerRecord, "tenant" | "record_id" | "end_time">;

/** Finds duplicates that are older than what the window of seen records remembers. */
export interface LateDuplicates {
  /** Tells that the window now holds `count` more records, received at `receivedTime`. */
  remember(receivedTime: string, count: number): void;
  /** Of these records, the places (`placeOf`) of those that ClickHouse holds from journal frames before `beforeSeq`. */
  find(records: readonly Aged[], beforeSeq: number): Promise<Set<string>>;
}

/**
 * A record can only have come before the window's oldest one if it ended before that was received: only those are looked up.
 * `windowRecords` is how many records the window surely holds, `journal` whose frames count as one's own.
 */
export function createLateDuplicates(rows: Rows, windowRecords: number, journal: string): LateDuplicates {
  const batches: { receivedTime: string; count: number }[] = [];
  let held = 0;
  let forgotten = false;

  return {
    remember(receivedTime, count) {
      if (count === 0) return;
      held += count;
      const last = batches.at(-1);
      if (last !== undefined && last.count + count <= RECORDS_PER_MARK) {
        last.receivedTime = receivedTime;
        last.count += count;
      } else batches.push({ receivedTime, count });
      for (let oldest = batches[0]; oldest !== undefined && held > windowRecords; oldest = batches[0]) {
        batches.shift();
        held -= oldest.count;
        forgotten = true;
      }
    },
    async find(records, beforeSeq) {
      if (!forgotten) return new Set(); // the window still holds everything there is
      const oldest = batches[0];
      const horizon = oldest === undefined ? null : Date.parse(oldest.receivedTime) + CLOCK_MARGIN_MS;
      const late = records.filter(({ end_time }) => horizon === null || Date.parse(end_time) < horizon);
      const found = new Set<string>();
      for (let i = 0; i < late.length; i += IDS_PER_QUERY) {
        const ids = late.slice(i, i + IDS_PER_QUERY).map(({ record_id }) => record_id);
        const known = await rows.query<{ tenant: string; record_id: string }>(
          `SELECT DISTINCT tenant, record_id FROM steps
           WHERE record_id IN {ids: Array(String)} AND journal IN ('', {journal: String}) AND journal_seq < {beforeSeq: UInt64}`,
          { ids, journal, beforeSeq },
        );
        for (const held of known) found.add(placeOf(held));
      }
      return found;
    },
  };
}
