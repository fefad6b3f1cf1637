import { randomUUID } from "node:crypto";
import { parseExactly } from "./exact-json.ts";

/** JSON as it is written, which goes so to whoever asked for it: taken apart and put together again it would cost time, and numbers would lose digits. */
export class JsonBytes {
  readonly bytes: Uint8Array;

  constructor(json: string | Uint8Array) {
    this.bytes = typeof json === "string" ? Buffer.from(json) : json;
  }

  get isList(): boolean {
    return this.bytes.find((byte) => byte > SPACE) === BRACKET;
  }

  /** What it says, as `parseExactly` tells it. */
  parsed(): unknown {
    return parseExactly(Buffer.from(this.bytes).toString("utf8"));
  }
}

const [SPACE, BRACKET, BRACKET_END, COMMA] = [32, 91, 93, 44];

/** One list of the items of several, without taking them apart; what is no list is an item. */
export function joinedLists(values: readonly JsonBytes[]): JsonBytes {
  const items = values.map(itemsOf).filter((bytes) => bytes.some((byte) => byte > SPACE));
  const between = items.flatMap((bytes, n) => (n === 0 ? [bytes] : [Uint8Array.of(COMMA), bytes]));
  return new JsonBytes(Buffer.concat([Uint8Array.of(BRACKET), ...between, Uint8Array.of(BRACKET_END)]));
}

function itemsOf({ bytes, isList }: JsonBytes): Uint8Array {
  return isList ? bytes.subarray(bytes.indexOf(BRACKET) + 1, bytes.lastIndexOf(BRACKET_END)) : bytes;
}

/** The socket takes one after the other; between two of them others have their turn. */
const CHUNK_BYTES = 256 * 1024;

/** The JSON of a value that has JsonBytes in it, in pieces; null when it has none. */
export function jsonChunks(value: unknown): Uint8Array[] | null {
  const mark = randomUUID();
  const found: JsonBytes[] = [];
  const text = JSON.stringify(value, (_key, member: unknown) => {
    if (!(member instanceof JsonBytes)) return member;
    found.push(member);
    return mark;
  });
  if (found.length === 0) return null;
  return text
    .split(`"${mark}"`)
    .flatMap((between, n) => [Buffer.from(between), ...(found[n] === undefined ? [] : slices(found[n].bytes))]);
}

function slices(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / CHUNK_BYTES) }, (_, n) =>
    bytes.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES),
  );
}
