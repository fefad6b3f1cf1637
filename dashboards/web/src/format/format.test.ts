import { describe, expect, it } from "vitest";
import { count, exactUsd, shortCount, usd } from "./number.ts";
import { ago, duration, epochMs } from "./time.ts";

describe("numbers", () => {
  it("shows what is unknown as a dash, and zero as zero", () => {
    expect([count(null), usd(null), shortCount(null), count(0), usd("0.000000000")]).toEqual([
      "—",
      "—",
      "—",
      "0",
      "$0",
    ]);
  });

  it("shows money as precisely as it matters, and exactly where asked", () => {
    expect(["0.000000400", "0.000612400", "2.056500000", "1234.500000000"].map(usd)).toEqual([
      "<$0.0001",
      "$0.0006",
      "$2.06",
      "$1,234.50",
    ]);
    expect([exactUsd("0.000612400"), exactUsd("10"), exactUsd("2.000000000")]).toEqual(["$0.0006124", "$10", "$2"]);
  });
});

describe("times", () => {
  it("reads nanoseconds", () => {
    expect(epochMs("1970-01-01T00:00:01.500250000Z")).toBeCloseTo(1_500.25, 6);
    expect(epochMs("1970-01-01T00:00:01Z")).toBe(1_000);
  });

  it("says how long, where it is known", () => {
    expect(duration(null)).toBe("—");
    expect([0, 0.4, 840, 6_120, 59_900, 185_000, 7_800_000, 352_800_000].map(duration)).toEqual([
      "0 ms",
      "<1 ms",
      "840 ms",
      "6.12 s",
      "59.9 s",
      "3 m 05 s",
      "2 h 10 m",
      "4 d 02 h",
    ]);
  });

  it("says how long ago", () => {
    const nowMs = Date.parse("2026-11-20T10:00:00Z");
    const times = [
      "2026-11-20T10:00:00Z",
      "2026-11-20T09:59:48Z",
      "2026-11-20T09:00:00Z",
      "2026-11-18T09:00:00Z",
      "2026-11-20T11:00:00Z",
    ];
    expect(times.map((time) => ago(time, nowMs))).toEqual([
      "just now",
      "12 s ago",
      "1 h ago",
      "2 d ago",
      "in the future",
    ]);
  });
});
