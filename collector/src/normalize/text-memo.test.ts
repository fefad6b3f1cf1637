import fc from "fast-check";
import { expect, test } from "vitest";
import { argumentsHash, sha256Hex } from "./content-hash.ts";
import { parsedJson } from "./json-text.ts";
import { createTextMemo } from "./text-memo.ts";

const piece = fc.oneof(
  fc.json(),
  fc.string(),
  fc.constantFrom("nul", "true", " [1]", "-1", "\u00a0{}", "{", ' {"b":1, "a":[1e2]}', ' ["\\ud800"]'),
);
const text = fc.tuple(piece, fc.constantFrom(1, 1, 300)).map(([part, times]) => part.repeat(times));

test("what a memo says of a text is what is true of it, however often and between whatever others it is asked", () => {
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(29), { maxLength: 60 }),
      (texts, asked) => {
        const memo = createTextMemo();
        for (const index of asked) {
          const one = `${texts[index % texts.length] ?? ""} `.slice(0, -1); // another string with the same letters
          expect(memo.sha256(one)).toBe(sha256Hex(one));
          expect(memo.parse(one)).toEqual(parsedJson(one));
          expect(memo.json(one)).toBe(JSON.stringify(one));
          expect(memo.resultHash(one)).toBe(sha256Hex(one));
          expect(memo.argumentsHash(one)).toBe(argumentsHash(one));
          const said = parsedJson(one.slice(1)); // arguments that are parsed, of which the text may come
          if (said !== undefined) expect(memo.hashOfArguments(said)).toBe(argumentsHash(JSON.stringify(said)));
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("what was written, or kept as known, is not parsed again", () => {
  const memo = createTextMemo();
  const [written, kept] = [{ role: "user" }, ["known"]];
  const text = memo.write(written);
  memo.keep('["known"]', kept);
  expect(memo.parse(text)).toBe(written);
  expect(memo.parse('["known"]')).toBe(kept);
});

test("what was made of the same values is made once, and anew for others", () => {
  const memo = createTextMemo();
  const tools = () => ['{"name":"a"}', '{"name":"b"}'].map((one) => memo.parse(one));
  const made = () => memo.ofSame(tools(), () => ({ text: JSON.stringify(tools()) }));
  const first = [made(), made(), made()].at(-1); // remembered from the second time on
  expect(made()).toBe(first);
  expect(memo.ofSame(tools().reverse(), () => ({ text: "other" }))).toEqual({ text: "other" });
  expect(memo.ofSame(tools().slice(1), () => ({ text: "fewer" }))).toEqual({ text: "fewer" });
  expect(made()).toBe(first);
});

test("text is taken for JSON when JSON.parse takes it, and only then", () => {
  fc.assert(
    fc.property(text, (one) => {
      let value: unknown;
      try {
        value = JSON.parse(one);
      } catch {
        value = undefined;
      }
      expect(parsedJson(one)).toEqual(value);
    }),
    { numRuns: 300 },
  );
});

test("an agent's tools, which are like each other, are all remembered", () => {
  const names = ["weather", "time", "order", "refund", "customer", "invoice", "stock", "flight", "hotel", "route"];
  const schema = (name: string) =>
    `{"type":"function","function":{"name":"get_${name}","description":"The ${name} in a city","parameters":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}}}`;
  const memo = createTextMemo();
  const parsedOnceMore = () => {
    memo.forgetLong(); // the next request
    return names.map((name) => memo.parse(schema(name)));
  };
  parsedOnceMore();
  const second = parsedOnceMore();
  const third = parsedOnceMore();
  expect(third.filter((value, at) => value !== second[at])).toEqual([]);
});
