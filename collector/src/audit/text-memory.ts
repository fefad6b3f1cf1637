import type { TextPiece } from "@runledger/contract";
import { baseAfter, type Chained, chained, chainedAt } from "./chain.ts";
import type { StoredPayload } from "./payload-packer.ts";
import { type CommonEnds, commonEnds, differenceOf } from "./text-difference.ts";

/** Whose texts are compared with each other (`scope` and run), and what kind of text this is: the fallback where none begins or ends like it. */
export interface TextSlot {
  key: string;
  label: string;
}

/** A text to be stored, as the difference to one that is. */
export interface Similar {
  base: StoredPayload;
  pieces: TextPiece[];
  /** To be given to `remember` when it is stored so. */
  after: Chained<KnownText>;
}

interface KnownText {
  bytes: Buffer;
  payload: StoredPayload;
}

/** A line of texts each of which was like the one before: the growing history of one agent in one form. */
interface Family {
  label: string;
  last: Chained<KnownText>;
  sizeBytes: number;
}

/** The texts of each run that were stored last, within MAX_KNOWN_BYTES. What it has forgotten is stored whole again. */
export interface TextMemory {
  /** The difference to the text most like it, where that saves a quarter at least of the bytes that it costs otherwise; or null. */
  similar(slot: TextSlot, bytes: Buffer, costBytes: number): Similar | null;
  /**
   * Keeps the text for the next ones. `after`: what it was stored as a difference to. `index`: it is part of a chain of another kind, that far from its
   * beginning.
   */
  remember(slot: TextSlot, text: KnownText, stored: { after: Chained<KnownText> | null } | { index: number }): void;
}

/** Shorter ones are stored whole: the node itself has some 550 bytes. */
export const MIN_TEXT_BYTES = 1024;
export const MAX_KNOWN_TEXT_BYTES = 16 * 1024 * 1024;
const MAX_KNOWN_BYTES = 64 * 1024 * 1024;
/** Forms in which a run's history is sent, times its agents. */
const MAX_FAMILIES = 16;
/** Of a label, texts that none was a difference to: tool results, say, which must not crowd out the histories. */
const MAX_ONE_OFFS = 3;
/** Each is searched through for one text; where the text is short, the likeliest alone. */
const MAX_CANDIDATES = 3;
const MIN_SEARCHED_BYTES = 8 * 1024;
const HEAD_BYTES = 550;
const BYTES_PER_PIECE = 14;

export function createTextMemory(maxKnownBytes: number = MAX_KNOWN_BYTES): TextMemory {
  /** Slots in the order of their last use, families too: the newest last. */
  const slots = new Map<string, Family[]>();
  let knownBytes = 0;

  const forget = (families: Family[], index: number): void => {
    const [gone] = families.splice(index, 1);
    knownBytes -= gone?.sizeBytes ?? 0;
  };
  const makeRoom = (): void => {
    for (const [key, families] of slots) {
      while (families.length > 0 && knownBytes > maxKnownBytes) forget(families, 0);
      if (families.length > 0) return;
      slots.delete(key);
    }
  };

  return {
    similar({ key, label }, bytes, costBytes) {
      let best: (Similar & { nodeBytes: number }) | null = null;
      for (const after of candidates(slots.get(key) ?? [], label, bytes)) {
        const base = baseAfter(after);
        if (base === null) continue;
        const pieces = differenceOf(base.value.bytes, bytes, commonEnds(base.value.bytes, bytes));
        const nodeBytes = nodeSize(pieces);
        if (best === null || nodeBytes < best.nodeBytes) best = { base: base.value.payload, pieces, after, nodeBytes };
        if (best.nodeBytes < MIN_TEXT_BYTES) break;
      }
      return best !== null && best.nodeBytes * 4 <= costBytes * 3 ? best : null;
    },
    remember({ key, label }, text, stored) {
      if (text.bytes.length > MAX_KNOWN_TEXT_BYTES) return;
      const families = slots.get(key) ?? [];
      slots.delete(key);
      slots.set(key, families);
      const after = "index" in stored ? null : stored.after;
      const last = "index" in stored && stored.index > 0 ? chainedAt(text, stored.index) : chained(text, after);
      const alike = families.filter((family) => family.label === label);
      const oneOffs = alike.filter((family) => family.last.index === 0);
      const gone =
        alike.findLast((family) => goesOn(family, text.bytes)) ?? (oneOffs.length < MAX_ONE_OFFS ? null : oneOffs[0]);
      if (gone) forget(families, families.indexOf(gone));
      else if (families.length >= MAX_FAMILIES) forget(families, 0);
      const family = { label, last, sizeBytes: sizeOf(last) };
      families.push(family);
      knownBytes += family.sizeBytes;
      makeRoom();
    },
  };
}

/** What a text may be a difference to, the likeliest first: what begins and ends like it, the latest of its label, the latest of all. */
function candidates(families: readonly Family[], label: string, bytes: Buffer): Chained<KnownText>[] {
  const likely = [mostLike(families, bytes), families.findLast((family) => family.label === label)];
  if (bytes.length < MIN_SEARCHED_BYTES) likely.splice(0, 2, likely[0] ?? likely[1]);
  else likely.push(...families.slice(-MAX_CANDIDATES).reverse());
  const found = new Set(likely.flatMap((family) => (family === undefined ? [] : [family.last])));
  return [...found].slice(0, MAX_CANDIDATES);
}

/** The family whose last text begins and ends most like this one; none where that is less than a quarter of it. */
function mostLike(families: readonly Family[], bytes: Buffer): Family | undefined {
  let best: Family | undefined;
  let most = bytes.length / 4;
  for (const family of families) {
    const known = family.last.value.bytes;
    const same = couldBeLike(known, bytes) ? sum(commonEnds(known, bytes)) : 0;
    if (same <= most) continue;
    most = same;
    best = family;
  }
  return best;
}

/** A quarter that is the same at both ends together is half of that at least at one of them. */
function couldBeLike(known: Buffer, bytes: Buffer): boolean {
  const length = Math.floor(bytes.length / 8);
  const [a, b] = [known.length, bytes.length];
  if (a < length) return false;
  return known.compare(bytes, 0, length, 0, length) === 0 || known.compare(bytes, b - length, b, a - length, a) === 0;
}

function nodeSize(pieces: readonly TextPiece[]): number {
  const own = pieces.reduce<number>((bytes, piece) => bytes + (typeof piece === "number" ? piece : 0), 0);
  return own + HEAD_BYTES + pieces.length * BYTES_PER_PIECE;
}

/** Half of what the family's last text was, or more, is still there at its ends. */
function goesOn({ last }: Family, bytes: Buffer): boolean {
  return sum(commonEnds(last.value.bytes, bytes)) * 2 >= last.value.bytes.length;
}

function sum({ prefix, suffix }: CommonEnds): number {
  return prefix + suffix;
}

/** Of the texts that a family keeps in memory. */
function sizeOf(last: Chained<KnownText>): number {
  const kept = new Set([last, ...last.anchors].map((node) => node?.value.bytes));
  return [...kept].reduce((bytes, text) => bytes + (text?.length ?? 0), 0);
}
