import { describe, expect, test } from "vitest";
import { ROW_NAME_CHARS, ROW_TEXT_CHARS, rowName, rowText, uncut } from "./row-text.ts";

const PAIR = "😀";

describe("a text of a row", () => {
  test("is whole up to the limit, and of a longer one the marked beginning", () => {
    const fits = "x".repeat(ROW_TEXT_CHARS);
    expect(rowText(fits)).toBe(fits);
    expect(rowText(`${fits}y`)).toBe(`${"x".repeat(ROW_TEXT_CHARS - 1)}…`);
  });

  test("is never cut within a surrogate pair, wherever pairs lie", () => {
    for (const before of ["", "x"]) {
      const text = before + PAIR.repeat(ROW_TEXT_CHARS);
      const cut = rowText(text);
      expect(cut.isWellFormed()).toBe(true);
      expect(cut.length).toBeGreaterThanOrEqual(ROW_TEXT_CHARS - 1);
      expect(cut.length).toBeLessThanOrEqual(ROW_TEXT_CHARS);
      expect(uncut(cut, text)).toBe(text);
      expect(rowName(text).isWellFormed()).toBe(true);
      expect(rowName(rowName(text))).toBe(rowName(text));
    }
  });

  test("is made whole only from what it is the beginning of", () => {
    const whole = `${"x".repeat(ROW_TEXT_CHARS)}y`;
    expect(uncut(rowText(whole), whole)).toBe(whole);
    expect(uncut("", whole)).toBe("");
    expect(uncut("other…", whole)).toBe("other…");
    expect(uncut("kept", null)).toBe("kept");
    expect(uncut(rowName(whole), whole)).toBe(whole);
    expect(uncut(rowName(`${"n".repeat(ROW_NAME_CHARS)}1`), `${"n".repeat(ROW_NAME_CHARS)}1`)).toHaveLength(
      ROW_NAME_CHARS + 1,
    );
    expect(uncut("short", "short")).toBe("short");
  });
});

describe("a name of a row", () => {
  test("is exact up to the limit; beyond it two names are two, and asking for one as it is shown finds it", () => {
    const fits = "n".repeat(ROW_NAME_CHARS);
    expect(rowName(fits)).toBe(fits);
    const [one, other] = [`${fits}1`, `${fits}2`];
    expect(rowName(one)).not.toBe(rowName(other));
    expect(rowName(one)).toHaveLength(ROW_NAME_CHARS + 65);
    expect(rowName(rowName(one))).toBe(rowName(one));
  });
});
