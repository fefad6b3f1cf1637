import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { canonicalJson } from "@runledger/contract";
import { expect, test } from "vitest";
import { createDraw, type Draw } from "./odd-json.ts";

const PYTHON_DIR = fileURLToPath(new URL("../../verify/python/", import.meta.url));
/** Whatever is JSON, as the verifier in Python spells it; and whether it takes that spelling, and none but that, for canonical. */
const DRIVER = `
import json, sys
sys.path.insert(0, sys.argv[1])
import runledger_verify as v
for line in sys.stdin.buffer:
    text = v.canonical(json.loads(line, parse_int=v.parse_double, parse_float=v.parse_double))
    print(json.dumps([text, v.parse_canonical(text.encode()) is not None, v.parse_canonical(line.rstrip(b"\\n")) is not None]))
`;
const DOUBLES = 20_000;
const TREES = 2_000;
const LETTERS = [
  "a",
  "B",
  "1",
  "0",
  '"',
  "\\",
  "/",
  "\n",
  "\u0000",
  "\u001f",
  "\u007f",
  "é",
  "\u2028",
  "\ufb33",
  "\uffff",
  "𐀀",
  "\u{10ffff}",
  "\ufeff",
];

test("numbers, texts and the order of members are spelled in Python as RFC 8785 has them", () => {
  const draw = createDraw(8_785);
  const edges = [
    0,
    -0,
    5e-324,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    1e21,
    1e20,
    999_999_999_999_999_900_000,
    1e-6,
    1e-7,
    2 ** 53,
    2 ** 53 + 2,
  ];
  const doubles = Array.from({ length: DOUBLES }, () => doubleOf(draw)).filter(Number.isFinite);
  const trees = Array.from({ length: TREES }, () => treeOf(draw, 4));
  const values = [...edges, ...doubles, ...trees];
  const input = values.map((value) => `${JSON.stringify(value)}\n`).join("");
  const output = execFileSync("python3", ["-c", DRIVER, PYTHON_DIR], { input, maxBuffer: 1 << 28 }).toString();
  const said: [string, boolean, boolean][] = output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const expected = values.map((value) => {
    const text = canonicalJson(value);
    return [text, value !== null, value !== null && text === JSON.stringify(value)];
  });
  expect(said.filter((each, i) => each.join() !== expected[i]?.join()).slice(0, 5)).toEqual([]);
  expect(said).toHaveLength(values.length);
  expect(said.filter(([, , isCanonical]) => !isCanonical).length).toBeGreaterThan(100);
});

function doubleOf(draw: Draw): number {
  const bytes = Buffer.from(Array.from({ length: 8 }, () => draw.below(256)));
  const kind = draw.below(3);
  if (kind === 0) return bytes.readDoubleBE(0);
  if (kind === 1) return (bytes.readInt32BE(0) / 2 ** draw.below(40)) * 10 ** (draw.below(50) - 25);
  return bytes.readInt32BE(0) * 10 ** draw.below(18);
}

function treeOf(draw: Draw, depth: number): unknown {
  const kind = draw.below(depth === 0 ? 3 : 6);
  if (kind === 0) return doubleOfFinite(draw);
  if (kind === 1) return textOf(draw);
  if (kind === 2) return draw.of([null, true, false, 0, ""]);
  if (kind === 3) return Array.from({ length: draw.below(4) }, () => treeOf(draw, depth - 1));
  return Object.fromEntries(Array.from({ length: draw.below(6) }, () => [textOf(draw), treeOf(draw, depth - 1)]));
}

function doubleOfFinite(draw: Draw): number {
  const value = doubleOf(draw);
  return Number.isFinite(value) ? value : 0;
}

function textOf(draw: Draw): string {
  return Array.from({ length: draw.below(4) }, () => draw.of(LETTERS)).join("");
}
