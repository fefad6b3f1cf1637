import { isUtf8 } from "node:buffer";
import protobuf from "protobufjs/minimal.js";
import { OtlpError } from "./otlp.ts";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Messages and list values of one request. Two bytes can be a message that takes a hundred times that in memory. */
export const MAX_MESSAGES = 4_000_000;
/** Spans, log records, metrics and their data points of one request. */
export const MAX_ITEMS = 1_000_000;

/** A field can't be taken though the message around it is whole: what contains it can be skipped. */
export class ContentError extends Error {}

/**
 * The library's protobuf reader, made exact: 64-bit values are bigints (int64: numbers where that is exact), and text that is not UTF-8 is
 * an error instead of U+FFFD.
 */
export class ExactReader extends protobuf.BufferReader {
  // Node has `utf8Slice` on every Buffer; its types leave it out.
  declare buf: Buffer & { utf8Slice(start: number, end: number): string; hexSlice(start: number, end: number): string };
  private readonly keys = new Array<KnownText | undefined>(SLOTS).fill(undefined);
  private readonly values = new Array<KnownText | undefined>(SLOTS).fill(undefined);
  /** Lists of keys read before, the last ones. */
  private readonly keyLists: string[][] = [];
  private nextKeyList = 0;
  private messages = 0;
  private items = 0;

  /** Counts what is read. @throws OtlpError `too_large`. */
  countMessage(): void {
    this.messages += 1;
    if (this.messages > MAX_MESSAGES) throw tooMany(MAX_MESSAGES, "messages");
  }

  /** The same for the items of the request. */
  countItem(): void {
    this.items += 1;
    if (this.items > MAX_ITEMS) throw tooMany(MAX_ITEMS, "items");
  }

  override string(): string {
    const length = this.size();
    const start = this.pos;
    const end = start + length;
    if (end > this.len) throw new RangeError(`index out of range: ${start} + ${length} > ${this.len}`);
    this.pos = end;
    const text = this.buf.utf8Slice(start, end);
    // Only a decoded U+FFFD can hide bytes that are not UTF-8; for plain ASCII text this search is free.
    if (text.includes("\uFFFD") && !isUtf8(this.buf.subarray(start, end)))
      throw new ContentError(`text at byte ${start} is not valid UTF-8`);
    return text;
  }

  /** As `bytes`, in hex. */
  hex(): string {
    const length = this.size();
    const start = this.pos;
    const end = start + length;
    if (end > this.len) throw new RangeError(`index out of range: ${start} + ${length} > ${this.len}`);
    this.pos = end;
    return length === 0 ? "" : this.buf.hexSlice(start, end);
  }

  /** As `string`, for attribute keys: a request has the same few thousands of times, and each is decoded once. */
  key(): string {
    return this.knownText(this.keys, MAX_KEPT_KEY);
  }

  /** The same for their values: names of models and tools, ids of the session, reasons are short and come again. */
  value(): string {
    return this.knownText(this.values, MAX_KEPT_VALUE);
  }

  /** By its length and two of its bytes. Two of different length may share a place. */
  private knownText(known: (KnownText | undefined)[], maxLength: number): string {
    const { buf, pos } = this;
    const length = buf[pos] as number;
    if (length === 0 || length > maxLength || pos + 1 + length > this.len) return this.string();
    const slot = (length * 31 + (buf[pos + length] as number) * 7 + (buf[pos + (length >> 1)] as number)) & (SLOTS - 1);
    const last = known[slot];
    if (last?.length === length && isSame(buf, last.at, pos + 1, length)) {
      this.pos = pos + 1 + length;
      return last.text;
    }
    const text = this.string();
    known[slot] = { at: pos + 1, length, text };
    return text;
  }

  /** The list of the same keys that was given to it before, or this one. */
  sharedKeys(keys: string[]): readonly string[] {
    for (const known of this.keyLists) if (hasSame(known, keys)) return known;
    this.keyLists[this.nextKeyList] = keys;
    this.nextKeyList = (this.nextKeyList + 1) % MAX_KEY_LISTS;
    return keys;
  }

  readFixed64(): bigint {
    const start = this.pos;
    if (start + 8 > this.len) throw new RangeError(`index out of range: ${start} + 8 > ${this.len}`);
    this.pos = start + 8;
    return this.buf.readBigUInt64LE(start);
  }

  readInt64(): number | bigint {
    const { buf, pos } = this;
    const first = buf[pos];
    if (first !== undefined && first < 128 && pos < this.len) {
      this.pos = pos + 1;
      return first;
    }
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.pos < this.len ? buf[this.pos] : undefined;
      if (byte === undefined) throw new RangeError(`index out of range: ${this.pos} + 1 > ${this.len}`);
      this.pos += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return exactNumber(BigInt.asIntN(64, value));
    }
    throw new Error("invalid varint encoding");
  }
}

/** A text read before: where it is in `buf`. */
interface KnownText {
  at: number;
  length: number;
  text: string;
}

/** A power of two. */
const SLOTS = 256;
/** As many kinds of spans as one agent has, or nearly. */
const MAX_KEY_LISTS = 16;
/** Bytes. Lengths below 128 take one byte. */
const MAX_KEPT_KEY = 100;
/** Longer values are mostly content, and new. */
const MAX_KEPT_VALUE = 36;

function isSame(buf: Buffer, a: number, b: number, length: number): boolean {
  for (let at = 0; at < length; at += 1) if (buf[a + at] !== buf[b + at]) return false;
  return true;
}

function hasSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

export function tooMany(limit: number, what: string): OtlpError {
  return new OtlpError("too_large", `the request holds more than ${limit} ${what}; send smaller batches`);
}

/** A number where that is exact, else the bigint. */
export function exactNumber(value: bigint): number | bigint {
  return value >= -MAX_SAFE && value <= MAX_SAFE ? Number(value) : value;
}
