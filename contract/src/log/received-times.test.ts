import { expect, test } from "vitest";
import { type AttestedHead, attestedOfShard, cosignedBy, createReceivedTimes } from "./received-times.ts";

const NOON_MS = Date.UTC(2026, 0, 1, 12);
const at = (seconds: number): string => `${new Date(NOON_MS + seconds * 1000).toISOString().slice(0, -1)}000000Z`;
const stamp = (size: number, seconds: number): AttestedHead => ({
  size,
  timeMs: NOON_MS + seconds * 1000,
  by: "time stamp",
});

function notesOf(seconds: readonly number[], attested: AttestedHead[] = []): string[] {
  const times = createReceivedTimes(attested);
  for (const [index, each] of seconds.entries()) times.add(index, at(each));
  return times.finish();
}

test("times that go on, or back by a minute at most, are not worth a word", () => {
  expect(notesOf([0, 1, 100, 40, 41, 5_000])).toEqual([]);
  expect(notesOf([0, 30, 1_000, 2_000, 2_000, 2_030], [stamp(2, 31), stamp(4, 1_950), stamp(4, 2_500)])).toEqual([]);
});

test("entries that go back are named together, with the one that they stand behind", () => {
  expect(notesOf([0, 600, 100, 50, 600, 601, 500])).toEqual([
    "Entries 2 to 3 say to have been received at 2026-01-01T12:00:50Z, and behind entry 1, received at 2026-01-01T12:10:00Z: a clock was set back, a journal came late, or back-dated.",
    "Entry 6 says to have been received at 2026-01-01T12:08:20Z, and behind entry 5, received at 2026-01-01T12:10:01Z: a clock was set back, a journal came late, or back-dated.",
  ]);
});

test("an entry below an attested head can't have been received after it, whichever head is the earliest", () => {
  expect(notesOf([0, 500, 501], [stamp(2, 100), stamp(3, 90)])).toEqual([
    "Entries 1 to 2 say to have been received at 2026-01-01T12:08:21Z, and stood in the log by 2026-01-01T12:01:30Z as its head of 3 entries attests (time stamp): the collector's clock was ahead, or the time is made up.",
  ]);
});

test("an entry behind an attested head was received a quarter of an hour before it at most, or is told of", () => {
  const cosigned = cosignedBy(2, ["anna", "ben"], NOON_MS / 1000 + 1_000);
  expect(notesOf([0, 10, 99, 101, 2_000], [cosigned])).toEqual([
    "Entry 2 says to have been received at 2026-01-01T12:01:39Z, and came after 2026-01-01T12:16:40Z as its head of 2 entries attests (cosigned by anna, ben): a journal came late, a clock was behind, or back-dated.",
  ]);
});

test("what a directory's heads attest is said of the shard's newest head that each has", () => {
  const recorded = [
    { index: 1, size: 5 },
    { index: 3, size: 9 },
  ];
  const sizes = attestedOfShard([stamp(4, 3), stamp(1, 1), stamp(2, 2), stamp(9, 4)], recorded);
  expect(sizes.map(({ size }) => size)).toEqual([0, 5, 9, 9]);
});

test("of a clock that swings for ever the first twenty stretches are told, and how many more there are", () => {
  const notes = notesOf(Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? i * 1_000 : 0)));
  expect(notes).toHaveLength(21);
  expect(notes[20]).toBe("… and 29 more of times that do not fit.");
});
