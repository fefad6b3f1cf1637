import type { LogEntryRow } from "@runledger/contract";
import { expect, test } from "vitest";
import { createRecentEntries } from "./recent-entries.ts";

const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ log_index: from + i }) as LogEntryRow);
const indexes = (found: LogEntryRow[]) => found.map(({ log_index }) => log_index);

test("rows come out in the order of the log, from the one asked for, as long as they are there", () => {
  const recent = createRecentEntries(6);
  expect(recent.from(0, 10)).toEqual([]);
  recent.add(rows(3, 6));
  expect(recent.from(2, 10)).toEqual([]);
  expect(indexes(recent.from(3, 2))).toEqual([3, 4]);
  recent.add(rows(6, 8));
  expect(indexes(recent.from(4, 10))).toEqual([4, 5, 6, 7]);
  expect(recent.from(8, 10)).toEqual([]);
  expect(recent.from(4, 10)).toEqual([]);
});

test("the newest are kept when there are too many, or when some are missing before them", () => {
  const recent = createRecentEntries(3);
  recent.add(rows(0, 5));
  expect(recent.from(1, 10)).toEqual([]);
  expect(indexes(recent.from(2, 10))).toEqual([2, 3, 4]);
  recent.add(rows(7, 9));
  expect(recent.from(5, 10)).toEqual([]);
  expect(indexes(recent.from(7, 10))).toEqual([7, 8]);
});
