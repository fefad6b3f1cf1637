import fc from "fast-check";
import { expect, it } from "vitest";
import { matched, type Pair } from "./matching.ts";

it("takes the nearest, and lets it go where otherwise somebody had none", () => {
  const pair = (left: string, right: string, distance: number) => ({ left, right, distance });
  expect(matched([pair("a", "x", 2), pair("b", "x", 1)])).toEqual(new Map([["x", "b"]]));
  expect(matched([pair("a", "x", 2), pair("b", "x", 1), pair("b", "y", 9)])).toEqual(
    new Map([
      ["x", "a"],
      ["y", "b"],
    ]),
  );
});

it("finds as many pairs as there can be, nobody in two of them", () => {
  const some = fc.array(fc.record({ left: fc.nat(5), right: fc.integer({ min: 10, max: 15 }), distance: fc.nat(3) }), {
    maxLength: 14,
  });
  fc.assert(
    fc.property(some, (pairs) => {
      const found = matched(pairs);
      expect(new Set(found.values()).size).toBe(found.size);
      for (const [right, left] of found)
        expect(pairs.some((one) => one.left === left && one.right === right)).toBe(true);
      expect(found.size).toBe(mostOf(pairs));
    }),
  );
});

/** By trying everything. */
function mostOf(pairs: readonly Pair<number, number>[]): number {
  const [first, ...rest] = pairs;
  if (first === undefined) return 0;
  const others = rest.filter(({ left, right }) => left !== first.left && right !== first.right);
  return Math.max(mostOf(rest), 1 + mostOf(others));
}
