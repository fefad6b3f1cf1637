import fc from "fast-check";
import { expect, test } from "vitest";
import { checkedElements, jsonElements } from "./json-elements.ts";

test("each element keeps its text, spaces included", () => {
  expect(jsonElements('{"a": 1.0, "b":"x,]\\""} ,[1,[2]],"\\u0041\\\\"')).toEqual([
    '{"a": 1.0, "b":"x,]\\""} ',
    "[1,[2]]",
    '"\\u0041\\\\"',
  ]);
  expect(jsonElements("")).toEqual([]);
});

test("any array is split into what joins to it again", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 2), (items, indent) => {
      const inner = JSON.stringify(items, null, indent).slice(1, -1);
      const elements = jsonElements(inner);
      expect(elements.join(",")).toBe(inner);
      expect(elements.map((element) => JSON.parse(element))).toEqual(JSON.parse(JSON.stringify(items)));
    }),
  );
});

test("what is no array's inside is told apart, without a word of what it holds", () => {
  for (const [inner, count] of [
    ["", 0],
    ["1", 1],
    [' {"a":[1,2]} ,"]"', 2],
    [`[[1],"\\""],${"[".repeat(20_000)}${"]".repeat(20_000)}`, 2],
    [" ", null],
    ["1,", null],
    [",1", null],
    ["1],[2", null],
    ['1],"messages":[2', null],
    ['{"a":1],[2}', null],
    ['"1', null],
    ["01", null],
  ] as const)
    expect(checkedElements(inner), inner.slice(0, 40)).toBe(count);
  expect(checkedElements(`${"1,".repeat(2 ** 25 - 1)}1`)).toBe(2 ** 25);
  expect(checkedElements(`${"1,".repeat(2 ** 25)}1`)).toBe(null);
}, 60_000);
