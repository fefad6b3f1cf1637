import { expect, test } from "vitest";
import { encodeNativeBlock, fittingRows, type Unfit } from "./native-block.ts";

const COLUMNS = [
  { name: "name", type: "LowCardinality(String)" },
  { name: "count", type: "UInt64" },
  { name: "tokens", type: "Nullable(UInt64)" },
  { name: "tags", type: "Array(String)" },
  { name: "time", type: "DateTime64(9, 'UTC')" },
];
const rowOf = (n: number): Record<string, unknown> => ({
  ...{ name: `row ${n}`, count: n, tokens: n % 2 ? null : n, tags: ["a", `${n}`] },
  time: "2026-01-01T00:00:00.000000001Z",
});

test("of many rows only the values that don't fit are replaced, each told once, wherever they stand", () => {
  const rows = Array.from({ length: 2_000 }, (_, n) => rowOf(n));
  const bad = new Map<number, Record<string, unknown>>([
    [0, { count: "x" }],
    [700, { tokens: "many", tags: "a" }],
    [701, { count: {} }],
    [1_999, { time: "yesterday", name: 7 }],
  ]);
  for (const [n, values] of bad) Object.assign(rows[n] ?? {}, values);
  const sent = structuredClone(rows);
  const unfit: Unfit[] = [];
  const fitting = fittingRows(COLUMNS, rows, (one) => unfit.push(one));

  const empty = { name: "", count: 0, tokens: null, tags: [], time: "1970-01-01T00:00:00.000000000Z" };
  const replaced = (values: object) =>
    Object.fromEntries(Object.entries(empty).filter(([column]) => Object.hasOwn(values, column)));
  expect(fitting).toEqual(sent.map((row, n) => ({ ...row, ...replaced(bad.get(n) ?? {}) })));
  expect(rows).toEqual(sent); // what was given is as it was
  expect(unfit.map(({ column }) => column)).toEqual(["name", "count", "count", "tokens", "tags", "time"]);
  expect(unfit[1]?.why).toContain("column count (UInt64)");
  expect(() => encodeNativeBlock(COLUMNS, fitting)).not.toThrow();
});

test("a member that is not there at all stays an error, also in a column with a value that doesn't fit", () => {
  const { count: _, ...without } = rowOf(1);
  const unfit: Unfit[] = [];
  const fitting = fittingRows(COLUMNS, [{ ...rowOf(0), count: "x" }, without], ({ column, why }) =>
    unfit.push({ column, why }),
  );
  expect(unfit).toHaveLength(1);
  expect(() => encodeNativeBlock(COLUMNS, fitting)).toThrow(/column count/);
});
