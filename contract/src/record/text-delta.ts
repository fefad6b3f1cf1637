import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "./canonical-json.ts";
import { parseCanonicalJson } from "./parse-canonical-json.ts";
import { type PayloadRef, textDelta } from "./record.ts";

/** So many of the node's own bytes, or `[from, length]` of the base's text. */
export type TextPiece = number | [number, number];

/** A text as its difference to another. */
export interface TextDelta {
  /** `pack` may be SAME_PACK where the node is written. */
  base: PayloadRef;
  pieces: TextPiece[];
  /** Of the whole text. */
  sha256: string;
  sizeBytes: number;
  own: Uint8Array;
}

/** Bytes [at, at + length) of a text are those from `from` on of the base that is read next. */
export interface TextGap {
  at: number;
  from: number;
  length: number;
}

/** More than any request holds, and no more than one string can; a node that claims more was not made by us. */
export const MAX_TEXT_BYTES = 2 ** 29 - 24;
/** Of one text, at some 60 bytes each: where there are more, it is quicker to put the base together, and takes no more memory than that. */
const MAX_GAPS = 16_384;
const NEWLINE = 10;

export function formatTextDelta({ base, pieces, sha256, sizeBytes, own }: TextDelta): Buffer {
  const head = canonicalJson({ base, pieces, sha256, size_bytes: sizeBytes });
  return Buffer.concat([Buffer.from(`${head}\n`), own]);
}

/** Takes a node apart, its base's `pack` as it is written. @throws LogError `malformed`. */
export function parseTextDelta(bytes: Uint8Array, name: string): TextDelta {
  const end = bytes.indexOf(NEWLINE);
  const head = textDelta.safeParse(parseHead(bytes.subarray(0, Math.max(0, end))));
  if (!head.success) throw new LogError("malformed", `the payload ${name} is no difference of texts as we write them`);
  const { base, pieces, sha256, size_bytes: sizeBytes } = head.data;
  const own = bytes.subarray(end + 1);
  const ownBytes = pieces.reduce<number>((sum, piece) => sum + (typeof piece === "number" ? piece : 0), 0);
  const allBytes = pieces.reduce<number>((sum, piece) => sum + (typeof piece === "number" ? piece : piece[1]), 0);
  if (ownBytes !== own.length || allBytes !== sizeBytes || sizeBytes > MAX_TEXT_BYTES)
    throw new LogError("malformed", `the pieces of the payload ${name} do not make up its ${sizeBytes} bytes`);
  return { base, pieces, sha256, sizeBytes, own };
}

/**
 * Puts the node's own bytes into the gaps of `text`. Gives the gaps that its base has to fill; null where they are too many to go on so, as never for
 * one gap. @throws LogError `malformed`.
 */
export function fillGaps(
  text: Uint8Array,
  gaps: readonly TextGap[],
  { pieces, own, sizeBytes }: TextDelta,
): TextGap[] | null {
  const places = placesOf(pieces);
  const left: TextGap[] = [];
  for (const gap of gaps) {
    const end = gap.from + gap.length;
    if (end > sizeBytes) throw new LogError("malformed", "a difference takes bytes that its base does not have");
    for (let i = placeAt(places, gap.from); i < places.length; i++) {
      const { begin, ownBegin, piece } = places[i] as Place;
      if (begin >= end) break;
      const first = Math.max(gap.from, begin);
      const last = Math.min(end, begin + (typeof piece === "number" ? piece : piece[1]));
      if (first >= last) continue;
      const at = gap.at + first - gap.from;
      if (typeof piece === "number") text.set(own.subarray(ownBegin + first - begin, ownBegin + last - begin), at);
      else left.push({ at, from: piece[0] + first - begin, length: last - first });
    }
    if (left.length > MAX_GAPS) return null;
  }
  return left;
}

/** A piece, and where it begins in its text and in the node's own bytes. */
interface Place {
  begin: number;
  ownBegin: number;
  piece: TextPiece;
}

function placesOf(pieces: readonly TextPiece[]): Place[] {
  let begin = 0;
  let ownBegin = 0;
  return pieces.map((piece) => {
    const place = { begin, ownBegin, piece };
    begin += typeof piece === "number" ? piece : piece[1];
    if (typeof piece === "number") ownBegin += piece;
    return place;
  });
}

/** The last place that begins at `from` or before. */
function placeAt(places: readonly Place[], from: number): number {
  let low = 0;
  let high = places.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((places[middle]?.begin ?? 0) <= from) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** As `fillGaps`, from a whole text, after which there are none. */
export function fillAllGaps(text: Uint8Array, gaps: readonly TextGap[], whole: Uint8Array): void {
  for (const { at, from, length } of gaps) {
    if (from + length > whole.length)
      throw new LogError("malformed", "a difference takes bytes that its base does not have");
    text.set(whole.subarray(from, from + length), at);
  }
}

function parseHead(bytes: Uint8Array): unknown {
  try {
    return parseCanonicalJson(bytes);
  } catch (error) {
    if (error instanceof LogError) return undefined; // no head, as the schema will find
    throw error;
  }
}
