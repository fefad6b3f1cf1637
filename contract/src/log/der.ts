import { LogError } from "./log-error.ts";

/** An element by the Distinguished Encoding Rules (X.690, 10). */
export interface Part {
  tag: number;
  /** With tag and length. */
  whole: Buffer;
  content: Buffer;
}

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const OCTETS = 0x04;
/** `[0]`, of what is inside. */
export const EXPLICIT = 0xa0;

/** The element that all of `bytes` is. @throws LogError `mismatch`. */
export function elementOf(bytes: Buffer): Part {
  const [only, ...others] = partsOf(bytes);
  if (only === undefined || others.length > 0) throw noTimestamp();
  return only;
}

/** What stands side by side in an element. @throws LogError `mismatch` for an element of another tag, or with another count of them. */
export function inside(part: Part | undefined, tag: number, count?: number): Part[] {
  const parts = partsOf(as(part, tag).content);
  if (count !== undefined && parts.length !== count) throw noTimestamp();
  return parts;
}

/** @throws LogError `mismatch` for an element of another tag, or none. */
export function as(part: Part | undefined, tag: number): Part {
  if (part?.tag !== tag) throw noTimestamp();
  return part;
}

/** Lengths are definite, the shortest possible, and of what is there. */
function partsOf(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag = 0, first = 0x80] = bytes.subarray(at);
    const more = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + more;
    if (first === 0x80 || more > 3 || start > bytes.length || (tag & 0x1f) === 0x1f) throw noTimestamp();
    const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
    const shortest = length < 0x80 ? 0 : Math.ceil(length.toString(16).length / 2);
    if (more !== shortest || start + length > bytes.length) throw noTimestamp();
    parts.push({ tag, whole: bytes.subarray(at, start + length), content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return parts;
}

function noTimestamp(): LogError {
  return new LogError("mismatch", "it is no time stamp in DER");
}
