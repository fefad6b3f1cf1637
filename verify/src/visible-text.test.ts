import { expect, test } from "vitest";
import { visibleJson, visibleText, withVisibleTexts } from "./visible-text.ts";

test("what a terminal would obey is made visible, and all else stays as it is", () => {
  expect(visibleText("x\u001b[1;1H\u001b[2JVERIFIED")).toBe("x\\u001b[1;1H\\u001b[2JVERIFIED");
  expect(visibleText("a\nb\rc\td\u007f\u009b31m")).toBe("a\\u000ab\\u000dc\\u0009d\\u007f\\u009b31m");
  expect(visibleText("\u202egnp.exe\u2066\u200f\u2028")).toBe("\\u202egnp.exe\\u2066\\u200f\\u2028");
  expect(visibleText("half \ud800, whole 𐀀 ₤ é 你好 👩‍🚀")).toBe("half \\ud800, whole 𐀀 ₤ é 你好 👩‍🚀");
});

test("every text of a verification is, and JSON says the same as before", () => {
  const told = { recipient: "\u001b[2J", findings: [{ where: "a\nb", what: null }], count: 3 };
  expect(withVisibleTexts(told)).toEqual({
    recipient: "\\u001b[2J",
    findings: [{ where: "a\\u000ab", what: null }],
    count: 3,
  });
  const bidi = { name: "\u202e\u009b\u001b\n" };
  expect(visibleJson(bidi)).not.toMatch(/[\u0080-\uffff]/);
  expect(JSON.parse(visibleJson(bidi))).toEqual(bidi);
});
