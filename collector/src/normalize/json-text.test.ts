import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonArrayElements, jsonElementsOf, jsonTextOf, keptText } from "./json-text.ts";

describe("jsonArrayElements", () => {
  it("keeps each element's text as it was sent", () => {
    expect(jsonArrayElements(' [ {"a": 1.0, "b":"x,]\\""} , [1,[2]],"\\u0041" ] ')).toEqual([
      '{"a": 1.0, "b":"x,]\\""}',
      "[1,[2]]",
      '"\\u0041"',
    ]);
  });

  it("finds nothing in an empty array", () => {
    expect(jsonArrayElements("[ ]")).toEqual([]);
  });

  it.each(["", "null", "{}", "[1", "[1,]", "text"])("is null for what is no JSON array: %s", (text) => {
    expect(jsonArrayElements(text)).toBeNull();
  });

  it("splits any array into what joins to it again", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 2), (items, indent) => {
        const elements = jsonArrayElements(JSON.stringify(items, null, indent)) ?? [];
        expect(elements.map((element) => JSON.parse(element))).toEqual(JSON.parse(JSON.stringify(items)));
      }),
    );
  });
});

describe("content that should be JSON", () => {
  it("stays as it is when it is, and becomes a JSON string when it is not", () => {
    expect(jsonTextOf('{"a": 1}')).toBe('{"a": 1}');
    expect(jsonTextOf("plain words")).toBe('"plain words"');
    expect(jsonTextOf({ a: [1] })).toBe('{"a":[1]}');
  });

  it("is taken at its word where it is only kept and looks like an object or a list, and only there", () => {
    const looks = ["{'a': 1}", "[1, nan]", '{"a": 1}', "[]"];
    expect(looks.map((text) => keptText(text))).toEqual(looks);
    expect(["{", "[1", " {} ", "nul", "x"].map((text) => keptText(text))).toEqual([
      '"{"',
      '"[1"',
      " {} ",
      '"nul"',
      '"x"',
    ]);
    expect(["null", "1", '"said"'].map((text) => keptText(text))).toEqual(["null", "1", '"said"']);
    expect(keptText({ a: [1] })).toBe('{"a":[1]}');
  });

  it("is taken as one message when it is no array", () => {
    expect(jsonElementsOf("hello")).toEqual(['"hello"']);
    expect(jsonElementsOf([{ role: "user" }, "x"])).toEqual(['{"role":"user"}', '"x"']);
  });
});
