import fc from "fast-check";
import { expect, test } from "vitest";
import { createNumberSet } from "./number-set.ts";

/** Said once more, slowly. */
function missingIn(values: readonly number[], end: number, limit: number): [number, number][] {
  const gaps: [number, number][] = [];
  for (let value = 0; value < end; value++) {
    if (values.includes(value)) continue;
    const last = gaps.at(-1);
    if (last !== undefined && last[1] === value - 1) last[1] = value;
    else gaps.push([value, value]);
  }
  return gaps.slice(0, limit);
}

test("has what was added, and names what is missing, in every order", () => {
  const values = fc.array(fc.integer({ min: 0, max: 150 }));
  fc.assert(
    fc.property(values, fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 30 }), (all, end, limit) => {
      const set = createNumberSet();
      for (const value of all) set.add(value);
      expect(set.size).toBe(new Set(all).size);
      expect(set.max).toBe(Math.max(-1, ...all));
      for (let value = 0; value < 160; value++) expect(set.has(value)).toBe(all.includes(value));
      expect(set.missing(end, limit)).toEqual(missingIn(all, end, limit));
    }),
  );
});

test("the greatest numbers that a record can have are kept apart, and an end far beyond them is one gap", () => {
  const set = createNumberSet();
  for (const value of [0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 2]) set.add(value);
  expect(set.has(Number.MAX_SAFE_INTEGER - 1)).toBe(false);
  expect(set.has(Number.MAX_SAFE_INTEGER)).toBe(true);
  expect(set.missing(Number.MAX_SAFE_INTEGER, 20)).toEqual([
    [1, Number.MAX_SAFE_INTEGER - 3],
    [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER - 1],
  ]);
});
