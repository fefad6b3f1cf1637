import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonElements } from "./json-elements.ts";

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
