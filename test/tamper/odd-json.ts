import { canonicalJson } from "@runledger/contract";
import { seeded } from "../writers/scheduler.ts";

/** What a seed draws. */
export interface Draw {
  /** 0 … below - 1. */
  below(limit: number): number;
  chance(probability: number): boolean;
  of<T>(choices: readonly T[]): T;
}

export function createDraw(seed: number): Draw {
  const next = seeded(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    chance: (probability) => next() < probability,
    of: <T>(choices: readonly T[]): T => {
      if (choices.length === 0) throw new RangeError("nothing to draw from");
      return choices[below(choices.length)] as T;
    },
  };
}

const nested = (depth: number, open = "[", close = "]"): string => open.repeat(depth) + close.repeat(depth);
const nestedObjects = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

/** Spellings of numbers: of RFC 8785, of JSON, and of neither. */
const NUMBERS = (
  "0 1 2 7 -1 -0 0.0 1.0 1e3 1E3 1e+3 0.5 1e-7 0.000001 1e-6 1e21 1e+21 1e20 100000000000000000000 123456789012345680000 " +
  "9007199254740991 9007199254740992 9007199254740993 9007199254740994 -9007199254740992 18446744073709551616 " +
  "5e-324 1.7976931348623157e+308 1e400 -1e400 0.1 0.30000000000000004 1.1e-10 4294967296 -5 01 .5 5. +1 NaN Infinity -Infinity 0x1"
).split(" ");
const TEXTS = [
  ...["", "x", "error", "ok", "step", "steq", "act", "run_end", "failed", "none", "0", "null", "false"],
  ...[
    "\ufeff",
    "\u00a0",
    "\u2028",
    "\u0085",
    "\u0000",
    "\u007f",
    "\u001b[2J",
    "\u180e",
    "\u200b",
    "₤ 𐀀",
    "é",
    "e\u0301",
    "\r\n",
    '"',
    "\\",
    "/",
  ],
  ...[
    "2026-11-99T00:00:00.000000000Z",
    "2026-02-29T00:00:00.000000000Z",
    "2024-02-29T23:59:59.999999999Z",
    "0000-01-01T00:00:00.000000000Z",
  ],
  ...[
    "9999-12-31T23:59:59.999999999Z",
    "2026-01-01T24:00:00.000000000Z",
    "2026-01-01T00:00:60.000000000Z",
    "2026-01-01T00:00:00Z",
  ],
  ...[
    "2026-01-01t00:00:00.000000000z",
    "2026-01-01T00:00:00.000000000+00:00",
    "1969-12-31T23:59:59.000000000Z",
    "٢٠٢٦-01-01T00:00:00.000000000Z",
  ],
  ...[
    "a".repeat(64),
    "A".repeat(64),
    "0".repeat(64),
    "a".repeat(63),
    "b".repeat(32),
    `${"9".repeat(5_000)}.5`,
    "1.0000000001",
    "-1.5",
    "1.",
  ],
  ...[
    "application/vnd.runledger.messages+json",
    "application/vnd.runledger.delta",
    "x".repeat(4_097),
    "𐀀".repeat(2_049),
    "𐀀".repeat(4_096),
    "𐀀".repeat(4_097),
  ],
];
/** Spellings of values that RFC 8785 does not have, or that are of no use. */
const OTHERS = [
  ...[
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[null]",
    '{"a":1}',
    '{"b":1,"a":2}',
    '{"a":1,"a":1}',
    '{"10":1,"9":2}',
    '{"__proto__":{"status":"ok"}}',
  ],
  ...[
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u0061"',
    '"\\/"',
    '"\\u000a"',
    '"\\u00e9"',
    '"\\ud83d\\ude00"',
    "'x'",
    "undefined",
    "[1,]",
    "{}{}",
    "",
  ],
  ...[
    '{"\\ud800":1}',
    '{"𐀀":1,"\ufb33":2}',
    '{"\ufb33":2,"𐀀":1}',
    nested(10),
    nested(990),
    nested(998),
    nested(1_001),
    nested(3_000),
    nested(12_000),
  ],
  ...[nestedObjects(980), nestedObjects(1_500), nestedObjects(6_000)],
];
const NAMES = [
  "zzz",
  "",
  "a",
  "A",
  "10",
  "9",
  "é",
  "\ufb33",
  "𐀀",
  "__proto__",
  "constructor",
  "status",
  "event",
  "sha256",
  "key_id",
  "\u0000",
  "\\ud800",
];

/** A spelling of some value, `like` one of those that stand elsewhere. */
function oddValue(draw: Draw, like: readonly unknown[]): string {
  const kind = draw.below(10);
  if (kind < 3) return draw.of(NUMBERS);
  if (kind < 6) return JSON.stringify(draw.of(TEXTS));
  if (kind < 8) return draw.of(OTHERS);
  return canonicalJson(draw.of(like) ?? null);
}

interface Spot {
  holder: Record<string, unknown> | unknown[];
  name: string | number;
}

/** The value as JSON text with some of it changed: mostly canonical but for what was changed, mostly of its shape. */
export function oddJson(draw: Draw, value: unknown): string {
  const changed = structuredClone(value);
  const spellings: string[] = [];
  const put = (spelling: string): string => `@@${spellings.push(spelling) - 1}@@`;
  for (let changes = draw.chance(0.7) ? 0 : 2; changes >= 0; changes--) changeOne(draw, changed, put);
  const text = canonicalJson(changed);
  // What is put in may stand in what is put in.
  return text.replaceAll(/"@@(\d+)@@"/g, (_, number: string) => spellings[Number(number)] ?? "");
}

function changeOne(draw: Draw, value: unknown, put: (spelling: string) => string): void {
  const spots = spotsOf(value);
  if (spots.length === 0) return;
  const { holder, name } = draw.of(spots);
  const others = spots.map((spot) => (spot.holder as Record<PropertyKey, unknown>)[spot.name]);
  const at = holder as Record<PropertyKey, unknown>;
  switch (draw.below(8)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(name), 1);
      else delete at[name];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(structuredClone(at[name]));
      else at[draw.of(NAMES)] = put(oddValue(draw, others));
      break;
    case 2:
      // A member twice: behind itself, in the same place of the order.
      at[name] = put(`${canonicalJson(at[name] ?? null)},${JSON.stringify(String(name))}:${oddValue(draw, others)}`);
      break;
    case 3:
      if (Array.isArray(holder)) holder.reverse();
      else {
        at[draw.of(NAMES)] = at[name];
        delete at[name];
      }
      break;
    default:
      at[name] = put(oddValue(draw, others));
  }
}

function spotsOf(value: unknown): Spot[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  const names = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(holder);
  return names.flatMap((name) => [{ holder, name }, ...spotsOf((holder as Record<PropertyKey, unknown>)[name])]);
}

const BYTES = [
  ...[
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\u0000",
    "\u00a0",
    "\ufeff",
    "\u2028",
    "\u0085",
    "\u007f",
    "=",
    "-",
    "_",
    "+",
    "/",
    '"',
    "\\",
    ",",
    "{",
    "]",
    "0",
    "#",
  ].map((text) => Buffer.from(text)),
  ...["ff", "c080", "eda080", "f4908080", "c3", "efbfbd"].map((hex) => Buffer.from(hex, "hex")),
];

/** The bytes with some of them changed, put in or left out. */
export function oddBytes(draw: Draw, bytes: Buffer): Buffer {
  const at = draw.below(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (draw.below(9)) {
    case 0:
      return Buffer.concat([before, after.subarray(1 + draw.below(3))]);
    case 1:
      return Buffer.concat([before, draw.of(BYTES), after.subarray(1)]);
    case 2:
      return escaped(draw, bytes);
    case 3:
      return Buffer.concat([draw.of([Buffer.from("\ufeff"), Buffer.from(" "), Buffer.of(0)]), bytes]);
    case 4:
      return Buffer.concat([bytes, draw.of(BYTES)]);
    case 5:
      return Buffer.from(
        bytes.toString("latin1").replaceAll("\n", draw.of(["\r\n", "\n\n", "\r", " \n", "\n "])),
        "latin1",
      );
    case 6:
      return linesMoved(draw, bytes);
    default:
      return Buffer.concat([before, draw.of(BYTES), after]);
  }
}

/** A letter as JSON may spell it and RFC 8785 does not. */
function escaped(draw: Draw, bytes: Buffer): Buffer {
  const letters = [...bytes.toString("latin1").matchAll(/[A-Za-z]/g)];
  if (letters.length === 0) return bytes;
  const { index } = draw.of(letters);
  const spelled = `\\u00${(bytes[index] as number).toString(16)}`;
  return Buffer.concat([bytes.subarray(0, index), Buffer.from(spelled), bytes.subarray(index + 1)]);
}

function linesMoved(draw: Draw, bytes: Buffer): Buffer {
  const lines = bytes.toString("latin1").split("\n");
  const line = draw.below(lines.length);
  const [taken = ""] = draw.chance(0.5) ? lines.splice(line, 1) : lines.slice(line, line + 1);
  if (draw.chance(0.7)) lines.splice(draw.below(lines.length + 1), 0, taken);
  return Buffer.from(lines.join("\n"), "latin1");
}
