import { canonicalJson } from "@runledger/contract";
import type { Draw } from "./odd-json.ts";

/** Ends of runs as anybody may send them: with a number or without, committing to a count or to none, more than one, in any order. */
export function withOddEnds(draw: Draw, entries: readonly Buffer[]): Buffer[] {
  const records = entries.map((entry) => JSON.parse(entry.toString()));
  for (const record of records)
    if (record.end !== null && draw.chance(0.7)) {
      record.end.records = draw.of([null, record.run_seq, record.run_seq, record.run_seq + 1]);
      record.run_seq = null;
    }
  const ends = records.filter(({ end }) => end !== null);
  for (let more = draw.below(3); more > 0 && ends.length > 0; more--) {
    const end = structuredClone(draw.of(ends));
    end.record_id = (more + 7).toString(16).repeat(64).slice(0, 64);
    end.end.records = draw.of([null, end.end.records, draw.below(8)]);
    if (draw.chance(0.2)) end.run_seq = draw.below(8);
    records.splice(draw.below(records.length + 1), 0, end);
  }
  // One of them earlier, with all that it commits to behind it.
  const from = draw.below(records.length);
  if (draw.chance(0.5)) records.splice(draw.below(records.length), 0, ...records.splice(from, 1));
  return records.map((record) => Buffer.from(canonicalJson(record)));
}
