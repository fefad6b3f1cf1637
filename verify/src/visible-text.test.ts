import { expect, test } from "vitest";
import { visibleJson, visibleText, withVisibleTexts } from "./visible-text.ts";

test("what a terminal would obey is made visible, and all else stays as it is", () => {
  expect(visibleText("x\u001b[1;1H\u001b[2JVERIFIED")).toBe("x\\u001b[1;1H\\u001b[2JVERIFIED");
  expect(visibleText("a\nb\rc\td\u007f\u009b31m")).toBe("a\\u000ab\\u000dc\\u0009d\\u007f\\u009b31m");
  expect(visibleText("\u202egnp.exe\u2066\u200f\u2028")).toBe("\\u202egnp.exe\\u2066\\u200f\\u2028");
  expect(visibleText("half \ud800, whole 𐀀 ₤ é 你好 👩‍🚀")).toBe("half \\ud800, whole 𐀀 ₤ é 你好 👩‍🚀");
});

test("what Unicode shows nothing for is seen, wherever it stands, and an emoji stays whole", () => {
  const shown = Array.from({ length: 0x110000 }, (_, code) => String.fromCodePoint(code)).filter(
    (character) => visibleText(`a${character}b`) === `a${character}b`,
  );
  const unseen = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;
  expect(shown.filter((character) => unseen.test(character)).map((each) => each.codePointAt(0)?.toString(16))).toEqual(
    [],
  );
  expect(shown.length).toBeGreaterThan(1_100_000 - 10_000);
  expect(visibleText("al\u200bice \u{e0041} a\u200db \ufe0f ❤\u200d")).toBe(
    "al\\u200bice \\udb40\\udc41 a\\u200db \\ufe0f ❤\\u200d",
  );
  expect(visibleText("❤️ 👩🏽‍🚀 ❤️‍🔥")).toBe("❤️ 👩🏽‍🚀 ❤️‍🔥");
  expect(JSON.parse(visibleJson({ a: "\u{e0041}\u200b" }))).toEqual({ a: "\u{e0041}\u200b" });
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
