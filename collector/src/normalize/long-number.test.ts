import { describe, expect, it } from "vitest";
import { hasLongNumber, hasLongValue } from "./long-number.ts";

const digits = (count: number) => "1234567890".repeat(3).slice(0, count);

describe("sixteen digits in a row", () => {
  it("are found wherever they begin, and fewer never", () => {
    for (let before = 0; before <= 40; before += 1)
      for (const after of ["", "x", "}, 12"]) {
        const around = (count: number) => `${"a".repeat(before)}${digits(count)}${after}`;
        expect(hasLongNumber(around(15))).toBe(false);
        for (const count of [16, 17, 30]) expect(hasLongNumber(around(count))).toBe(true);
      }
    expect(hasLongNumber("")).toBe(false);
    expect(hasLongNumber(`${digits(15)}a${digits(15)}-${digits(15)}`)).toBe(false);
  });

  it("count as a value behind a colon, a comma or a bracket only", () => {
    for (const json of [`{"a": ${digits(16)}}`, `[-${digits(19)}]`, `[1,${digits(16)}]`])
      expect(hasLongValue(json)).toBe(true);
    for (const json of [`{"a":"${digits(20)}"}`, `{"a":${digits(15)}}`, digits(20)])
      expect(hasLongValue(json)).toBe(false);
  });
});
