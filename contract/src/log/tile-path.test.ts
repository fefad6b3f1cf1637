import fc from "fast-check";
import { expect, test } from "vitest";
import { entryBundlePath, parseTilePath, tilePath, tileWidth } from "./tile-path.ts";

test("tile numbers are written in groups of three digits, all but the last with an x", () => {
  expect(tilePath(0, 1_234_067)).toBe("tile/0/x001/x234/067");
  expect(tilePath(0, 273, 112)).toBe("tile/0/273.p/112");
  expect(tilePath(63, 0)).toBe("tile/63/000");
  expect(entryBundlePath(1000, 1)).toBe("tile/entries/x001/000.p/1");
});

test("the widths of a tree of 70,000 are those of the specification", () => {
  expect([tileWidth(0, 272, 70_000), tileWidth(0, 273, 70_000), tileWidth(0, 274, 70_000)]).toEqual([256, 112, 0]);
  expect([tileWidth(1, 0, 70_000), tileWidth(1, 1, 70_000), tileWidth(2, 0, 70_000)]).toEqual([256, 17, 1]);
});

test("a path is read back as it was made", () => {
  fc.assert(
    fc.property(fc.nat({ max: 63 }), fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }), (level, index, width) => {
      expect(parseTilePath(tilePath(level, index, width))).toEqual({ level, index, width });
      expect(parseTilePath(entryBundlePath(index, width))).toEqual({ level: "entries", index, width });
    }),
  );
});

test.each([
  "tile/0/1",
  "tile/00/001",
  "tile/64/001",
  "tile/0/x000/001",
  "tile/0/001.p/0",
  "tile/0/001.p/256",
  "tile/0/../001",
  "checkpoint",
  "tile/0/001/002",
])("%s is no tile's path", (path) => {
  expect(parseTilePath(path)).toBeNull();
});
