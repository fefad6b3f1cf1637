import { argumentsHash, argumentsText, sha256Hex } from "./content-hash.ts";
import { mayBeJson, parsedJson } from "./json-text.ts";

/** What is asked of the same texts again and again: by the parts of one step, and by the steps of a run that send their prompt and tools anew. */
export interface TextMemo {
  /** As `sha256Hex`. */
  sha256(text: string): string;
  /** As `sha256Hex`, of what a tool gave back: its own step says it, and the model is told of it. */
  resultHash(text: string): string;
  /** As `argumentsHash`: the model asks with them, and the tool's own step has them. */
  argumentsHash(json: string): string;
  /** The same of arguments that were parsed. */
  hashOfArguments(value: unknown): string;
  /** `JSON.stringify` of a text, as it stands within another. */
  json(text: string): string;
  /** As `parsedJson`; the value is shared, not to be changed. */
  parse(text: string): unknown;
  /** Tells what `parse` would find, where that is at hand. */
  keep(text: string, value: unknown): void;
  /** `JSON.stringify` of what is parsed again soon. */
  write(value: object): string;
  /** What `make` makes of these values, each parsed by this memo: made once while the same ones come. */
  ofSame<Made extends object>(values: readonly unknown[], make: () => Made): Made;
  /** Lets go of long texts: to be called when a request is done. */
  forgetLong(): void;
}

/** Remembered for long, so that what is held is bounded: some 4 MB of text and what it says. A power of two. */
const MAX_SHORT_TEXTS = 512;
const MAX_SHORT_CHARS = 8_000;
/** Of one step's parts, which ask for the same texts one after the other; a power of two. */
const MAX_RECENT_TEXTS = 8;
/** To write a shorter text costs no more than to look whether it was. */
const MIN_WRITTEN_CHARS = 100;
/** Hashing a shorter text is not worth the search among the recent ones, only the look at its place among the repeated. */
const MIN_SEARCHED_CHARS = 500;

export function createTextMemo(): TextMemo {
  const hashes = remembering(sha256Hex, MIN_SEARCHED_CHARS);
  const values = remembering(parsedJson);
  const parse = (text: string) => (mayBeJson(text) ? values.get(text) : undefined);
  const written = remembering((text): string => JSON.stringify(text), Number.POSITIVE_INFINITY);
  const results = remembering(sha256Hex);
  const givens = remembering((json) => argumentsHash(json, parse));
  return {
    sha256: (text) => hashes.get(text),
    resultHash: (text) => results.get(text),
    argumentsHash: (json) => givens.get(json),
    // parsed again their text would say the same
    hashOfArguments: (value) => givens.get(argumentsText(value), sha256Hex),
    json: (text) => (text.length < MIN_WRITTEN_CHARS ? JSON.stringify(text) : written.get(text)),
    parse,
    keep: values.keep,
    write: (value) => {
      const text = JSON.stringify(value);
      values.keep(text, value);
      return text;
    },
    ofSame: madeOnce(),
    forgetLong() {
      for (const memory of [hashes, values, results, givens]) memory.forgetRecent();
    },
  };
}

interface Memory<Result> {
  /** `make`: another way to the result that `of` would find. */
  get(text: string, make?: (text: string) => Result): Result;
  keep(text: string, result: Result): void;
  forgetRecent(): void;
}

/**
 * The same function, which knows the results for the texts it was asked last, of whatever length, and for short ones that came again: a text that comes
 * once, as most do, is let go of before the garbage collector has to carry it on.
 */
function remembering<Result>(of: (text: string) => Result, minSearchedChars = 0): Memory<Result> {
  const recent = lastOnes<Result>();
  const table = repeatedOnes<Result>();
  return {
    get(text, make = of) {
      const isSearched = text.length >= minSearchedChars;
      const last = isSearched ? recent.get(text) : undefined;
      if (last !== undefined) return last.result;
      const place = text.length > MAX_SHORT_CHARS ? -1 : placeOf(text);
      const known = place < 0 ? undefined : table.get(place, text);
      if (known !== undefined) return known.result;
      const found = { text, result: make(text) };
      if (place >= 0) table.set(place, found);
      if (isSearched) recent.set(found);
      return found.result;
    },
    keep: (text, result) => recent.set({ text, result }),
    forgetRecent: recent.clear,
  };
}

interface Known<Result> {
  text: string;
  result: Result;
}

/** Characters of a text that tell it from others, most times. */
const SAMPLES = 12;

/** Of a few of its characters: a map would read every text whole to find its place. */
function placeOf(text: string): number {
  let mixed = text.length;
  const step = Math.max(1, Math.floor(text.length / SAMPLES));
  for (let at = text.length - 1; at >= 0; at -= step) mixed = (Math.imul(mixed, 31) + text.charCodeAt(at)) | 0;
  // an agent's tools differ in few of these characters: all bits of the place must hang on all of them
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 15)) & 0x7fffffff;
}

/** Two places for each text, taken by what comes a second time. What was at the first goes to the other of its own, and what was there goes. */
function repeatedOnes<Result>() {
  const entries = new Array<Placed<Result> | undefined>(MAX_SHORT_TEXTS).fill(undefined);
  const seen = new Int32Array(MAX_SHORT_TEXTS * 8);
  return {
    get(place: number, text: string) {
      const first = entries[firstOf(place)];
      if (first?.text === text) return first;
      const other = entries[otherOf(place)];
      return other?.text === text ? other : undefined;
    },
    set(place: number, { text, result }: Known<Result>) {
      const at = place & (seen.length - 1);
      if (seen[at] !== place) {
        seen[at] = place;
        return;
      }
      const before = entries[firstOf(place)];
      if (before !== undefined) entries[otherOf(before.place)] = before;
      entries[firstOf(place)] = { text, result, place };
    },
  };
}

interface Placed<Result> extends Known<Result> {
  place: number;
}

function firstOf(place: number): number {
  return place & (MAX_SHORT_TEXTS - 1);
}

function otherOf(place: number): number {
  return (place >>> 15) & (MAX_SHORT_TEXTS - 1);
}

/** Compared one by one, the last first. */
function lastOnes<Result>() {
  const entries = new Array<Known<Result> | undefined>(MAX_RECENT_TEXTS).fill(undefined);
  let next = 0;
  return {
    get(text: string) {
      for (let back = 1; back <= MAX_RECENT_TEXTS; back += 1) {
        const entry = entries[(next - back) & (MAX_RECENT_TEXTS - 1)];
        if (entry === undefined) return undefined;
        if (entry.text === text) return entry;
      }
      return undefined;
    },
    set(known: Known<Result>) {
      entries[next] = known;
      next = (next + 1) & (MAX_RECENT_TEXTS - 1);
    },
    clear() {
      entries.fill(undefined);
      next = 0;
    },
  };
}

/** Agents that send in turns, each with its tools. */
const MAX_MADE = 8;

function madeOnce(): TextMemo["ofSame"] {
  const known: { values: readonly unknown[]; made: object }[] = [];
  let next = 0;
  return <Made extends object>(values: readonly unknown[], make: () => Made) => {
    for (const last of known) if (isSame(last.values, values)) return last.made as Made;
    const made = make();
    known[next] = { values: values.slice(), made };
    next = (next + 1) % MAX_MADE;
    return made;
  };
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a[0] === b[0] && a.every((value, at) => value === b[at]);
}
