import type { TextPiece } from "@runledger/contract";

const BLOCK_BYTES = 128;
/** A reader's work, and a node's head, grow with the pieces. */
const MAX_PIECES = 256;
/** Beyond this only what both texts begin and end with is looked for. */
const MAX_SEARCHED_BYTES = 4 * 1024 * 1024;
const FIRST_COMPARED = 32;
const COMPARED_AT_ONCE = 256 * 1024;

/** Bytes that both begin, and bytes that both end with; they don't overlap in either. */
export interface CommonEnds {
  prefix: number;
  suffix: number;
}

export function commonEnds(base: Buffer, text: Buffer): CommonEnds {
  const prefix = commonLength(base, text, Math.min(base.length, text.length), 0, 0, 1);
  const room = Math.min(base.length, text.length) - prefix;
  return { prefix, suffix: commonLength(base, text, room, base.length, text.length, -1) };
}

/** The pieces that make `text` of `base`: what both begin and end with, and between that any blocks that moved. */
export function differenceOf(base: Buffer, text: Buffer, { prefix, suffix }: CommonEnds): TextPiece[] {
  const pieces: TextPiece[] = [];
  const copy = (from: number, length: number): void => {
    if (length > 0) pieces.push([from, length]);
  };
  const own = (length: number): void => {
    if (length > 0) pieces.push(length);
  };
  copy(0, prefix);
  const end = text.length - suffix;
  let written = prefix;
  for (const { from, at, length } of movedBlocks(base, text, { prefix, suffix })) {
    own(at - written);
    copy(from, length);
    written = at + length;
  }
  own(end - written);
  copy(base.length - suffix, suffix);
  return pieces;
}

interface Move {
  from: number;
  at: number;
  length: number;
}

/** Blocks of the base's middle found again in the text's, each made as long as it goes; in the order of the text. */
function movedBlocks(base: Buffer, text: Buffer, { prefix, suffix }: CommonEnds): Move[] {
  const baseEnd = base.length - suffix;
  const textEnd = text.length - suffix;
  const longer = Math.max(baseEnd, textEnd) - prefix;
  if (Math.min(baseEnd, textEnd) - prefix < BLOCK_BYTES || longer > MAX_SEARCHED_BYTES) return [];
  const blocks = createBlocks(base, prefix, baseEnd);
  const moves: Move[] = [];
  let free = prefix;
  let hash = hashOf(text, prefix);
  for (let at = prefix; ; ) {
    const from = blocks.get(hash);
    const length =
      from === undefined ? 0 : commonLength(base, text, Math.min(baseEnd - from, textEnd - at), from, at, 1);
    if (from !== undefined && length >= BLOCK_BYTES) {
      const before = commonLength(base, text, Math.min(from - prefix, at - free), from, at, -1);
      moves.push({ from: from - before, at: at - before, length: before + length });
      at += length;
      free = at;
      if (at + BLOCK_BYTES > textEnd || moves.length * 2 + 3 > MAX_PIECES) return moves;
      hash = hashOf(text, at);
      continue;
    }
    if (at + BLOCK_BYTES >= textEnd) return moves;
    hash = rolled(hash, text[at] ?? 0, text[at + BLOCK_BYTES] ?? 0);
    at++;
  }
}

/** How many bytes are the same in `base` and `text`, of at most `max`: from the places on (step 1), or before them (step -1). */
function commonLength(base: Buffer, text: Buffer, max: number, baseAt: number, textAt: number, step: 1 | -1): number {
  const same = (done: number, length: number): boolean => {
    const b = step === 1 ? baseAt + done : baseAt - done - length;
    const t = step === 1 ? textAt + done : textAt - done - length;
    return base.compare(text, t, t + length, b, b + length) === 0;
  };
  let done = 0;
  let growing = true;
  let length = Math.min(max, FIRST_COMPARED);
  while (length > 0) {
    if (same(done, length)) {
      done += length;
      length = Math.min(max - done, growing ? length * 2 : length, COMPARED_AT_ONCE);
    } else {
      growing = false;
      length >>= 1;
    }
  }
  return done;
}

/** The place of the first block of each hash. A bit for each hash, many times more bits than blocks, spares the map almost every question. */
function createBlocks(base: Buffer, begin: number, end: number): { get(hash: number): number | undefined } {
  const places = new Map<number, number>();
  const shift = Math.clz32(Math.ceil((end - begin) / BLOCK_BYTES) * 16);
  const bits = new Uint32Array(2 ** Math.max(0, 32 - shift - 5));
  for (let from = begin; from + BLOCK_BYTES <= end; from += BLOCK_BYTES) {
    const hash = hashOf(base, from);
    const bit = Math.imul(hash, SPREAD) >>> shift;
    bits[bit >>> 5] = (bits[bit >>> 5] ?? 0) | (1 << bit);
    if (!places.has(hash)) places.set(hash, from);
  }
  return {
    get: (hash) => {
      const bit = Math.imul(hash, SPREAD) >>> shift;
      return ((bits[bit >>> 5] ?? 0) & (1 << bit)) === 0 ? undefined : places.get(hash);
    },
  };
}

/** Spreads what differs in the low bits over the high ones (Knuth, multiplicative hashing). */
const SPREAD = 0x9e3779b1;
const FACTOR = 0x01000193;
const LAST_FACTOR = power(FACTOR, BLOCK_BYTES);

/** A polynomial in FACTOR, so that the next block's follows from this one's (Rabin and Karp, 1987). */
function hashOf(bytes: Buffer, from: number): number {
  let hash = 0;
  for (let at = from; at < from + BLOCK_BYTES; at++) hash = (Math.imul(hash, FACTOR) + (bytes[at] ?? 0)) | 0;
  return hash;
}

function rolled(hash: number, gone: number, come: number): number {
  return (Math.imul(hash, FACTOR) + come - Math.imul(gone, LAST_FACTOR)) | 0;
}

function power(factor: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i++) result = Math.imul(result, factor);
  return result;
}
