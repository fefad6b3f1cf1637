import { describe, expect, test } from "vitest";
import { parameterLists } from "./parameter-lists.ts";

describe("lists for query parameters", () => {
  test("hold every text once and in order, and fit what ClickHouse takes with their quotes", () => {
    const texts = Array.from({ length: 20_000 }, (_, n) => `it's \\ ${n}`);
    const lists = [...parameterLists(texts)];
    expect(lists.flat()).toEqual(texts);
    for (const list of lists) {
      const quoted = list.map((text) => `'${text.replaceAll(/['\\]/g, "\\$&")}'`);
      expect(`[${quoted.join(",")}]`.length).toBeLessThan(128 * 1024);
    }
  });

  test("have no more items than asked for", () => {
    expect([...parameterLists(["a", "b", "c"], 2)]).toEqual([["a", "b"], ["c"]]);
  });

  test("are none for no texts; a long text is alone", () => {
    expect([...parameterLists([])]).toEqual([]);
    const long = "x".repeat(200_000);
    expect([...parameterLists(["a", long, "b"])]).toEqual([["a"], [long], ["b"]]);
  });
});
