import { describe, expect, it } from "vitest";
import { takeFlatLists } from "./flat-keys.ts";
import { keyShapeOf, SpanAttributes } from "./span-attributes.ts";
import { createAttributeReader } from "./span-view.ts";

const PREFIXES = ["a.", "b."] as const;

function listsOf(attributes: Record<string, unknown>) {
  const given = new Map(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
  const reader = createAttributeReader(given);
  const lists = takeFlatLists(given, reader, PREFIXES);
  return {
    lists: { a: lists["a."].map(Object.fromEntries), b: lists["b."].map(Object.fromEntries) },
    rest: reader.rest(),
  };
}

describe("keys of flattened lists", () => {
  it("are brought into the order of their numbers, however many", () => {
    const { lists, rest } = listsOf({ "a.10.x": "k", "a.2.x": "c", "a.0.x.y": 1, "a.0.z": true, "b.0": "v", c: 1 });
    expect(lists.a).toEqual([{ "x.y": 1, z: true }, { x: "c" }, { x: "k" }]);
    expect(lists.b).toEqual([{ "": "v" }]);
    expect({ ...rest }).toEqual({ c: 1 });
  });

  it("make one entry each that exists, whatever number the sender chose", () => {
    expect(listsOf({ "a.999999999.x": 1 }).lists.a).toEqual([{ x: 1 }]);
  });

  it("without a number are left", () => {
    const odd = { "a.one.x": 1, "a.-1.x": 1, "a.1e3.x": 1, "a.1111111111.x": 1, "a.": 1 };
    const { lists, rest } = listsOf(odd);
    expect(lists.a).toEqual([]);
    expect({ ...rest }).toEqual(odd);
  });

  it("do no harm with names of an object's own", () => {
    const { lists } = listsOf({ "a.0.__proto__": "p", "a.0.constructor": "c" });
    expect(Object.keys(lists.a[0] ?? {})).toEqual(["__proto__", "constructor"]);
  });

  it("of a long history are found in one pass over the keys, and not again for another span of the same", () => {
    let passes = 0;
    class Counted extends Array<string> {
      override entries() {
        passes += 1;
        return super.entries();
      }
    }
    const keys = Counted.from(Array.from({ length: 20_000 }, (_, index) => `a.${index}.x`));
    const shape = keyShapeOf(keys);
    passes = 0;
    for (const first of [1, 7]) {
      const given = new SpanAttributes(shape, [first, ...Array.from({ length: 19_999 }, () => 0)]);
      const lists = takeFlatLists(given, createAttributeReader(given), PREFIXES);
      expect(lists["a."]).toHaveLength(20_000);
      expect(lists["a."][0]?.get("x")).toBe(first);
    }
    expect(passes).toBe(1);
  });
});
