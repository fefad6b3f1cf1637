import { canonicalJson } from "@runledger/contract";
import type { Draw } from "./odd-json.ts";

/** Ends of one run as anybody may send them: with a number or without, committing to a count or to none, more than one, in any place; all else is whole. */
export function withOddEnds(draw: Draw, entries: readonly Buffer[]): Buffer[] {
  const records = entries.map((entry) => JSON.parse(entry.toString()));
  const end = draw.of(records.filter((record) => record.end !== null));
  if (draw.chance(0.8)) {
    end.end.records = draw.chance(0.7) ? end.run_seq : draw.of([null, end.run_seq + 1]);
    end.run_seq = null;
  }
  for (let more = draw.below(3); more > 0; more--) {
    const { end: said, ...facts } = structuredClone(end);
    const count = draw.of([null, said.records, said.records, draw.below(8)]);
    const other = { ...facts, record_id: more.toString(16).repeat(64), end: { ...said, records: count } };
    if (draw.chance(0.1)) other.run_seq = draw.below(8);
    records.push(other);
  }
  // The act of an erasure keeps its index, which what it erased names.
  const movable = records.flatMap(({ event }, i) => (event === "act" ? [] : [i]));
  for (let swaps = draw.below(4); swaps > 0; swaps--) {
    const [one, another] = [draw.of(movable), draw.of(movable)];
    [records[one], records[another]] = [records[another], records[one]];
  }
  return records.map((record) => Buffer.from(canonicalJson(record)));
}
