import { sha256Hex } from "./content-hash.ts";
import { mayBeJson, parsedJson } from "./json-text.ts";

/** What is asked of the same texts again and again: by the parts of one step, and by the steps of a run that send their prompt and tools anew. */
export interface TextMemo {
  /** As `sha256Hex`. */
  sha256(text: string): string;
  /** As `parsedJson`; the value is shared, not to be changed. */
  parse(text: string): unknown;
  /** Tells what `parse` would find, where that is at hand. */
  keep(text: string, value: unknown): void;
  /** `JSON.stringify` of what is parsed again soon. */
  write(value: object): string;
  /** Lets go of long texts: to be called when a request is done. */
  forgetLong(): void;
}

/** Remembered for long, so that what is held is bounded: some 4 MB of text and what it says. A power of two. */
const MAX_SHORT_TEXTS = 512;
const MAX_SHORT_CHARS = 8_000;
/** Of longer texts only the last ones, and only within a request. */
const MAX_LONG_TEXTS = 8;
/** Hashing a shorter text is not worth the search. */
const MIN_HASHED_CHARS = 500;

export function createTextMemo(): TextMemo {
  const hashes = remembering(sha256Hex);
  const values = remembering(parsedJson);
  return {
    sha256: (text) => (text.length < MIN_HASHED_CHARS ? sha256Hex(text) : hashes.get(text)),
    parse: (text) => (mayBeJson(text) ? values.get(text) : undefined),
    keep: values.keep,
    write: (value) => {
      const text = JSON.stringify(value);
      values.keep(text, value);
      return text;
    },
    forgetLong() {
      hashes.forgetLong();
      values.forgetLong();
    },
  };
}

interface Memory<Result> {
  get(text: string): Result;
  keep(text: string, result: Result): void;
  forgetLong(): void;
}

/** The same function, which knows the results for the texts it was asked last. */
function remembering<Result>(of: (text: string) => Result): Memory<Result> {
  const short = table<Result>();
  const long = lastOnes<Result>();
  return {
    get(text) {
      const memory = text.length > MAX_SHORT_CHARS ? long : short;
      const known = memory.get(text);
      if (known !== undefined) return known.result;
      const result = of(text);
      memory.set(text, { result });
      return result;
    },
    keep: (text, result) => (text.length > MAX_SHORT_CHARS ? long : short).set(text, { result }),
    forgetLong: long.clear,
  };
}

/** Characters of a text that tell it from others, most times. */
const SAMPLES = 12;

/** A place for each text, by a few of its characters: a map would read every text whole to find its place. Of two at one place the later stays. */
function table<Result>() {
  const entries = new Array<{ text: string; known: { result: Result } } | undefined>(MAX_SHORT_TEXTS).fill(undefined);
  const placeOf = (text: string) => {
    let mixed = text.length;
    const step = Math.max(1, Math.floor(text.length / SAMPLES));
    for (let at = text.length - 1; at >= 0; at -= step) mixed = (Math.imul(mixed, 31) + text.charCodeAt(at)) | 0;
    return (mixed ^ (mixed >>> 16)) & (MAX_SHORT_TEXTS - 1);
  };
  return {
    get(text: string) {
      const entry = entries[placeOf(text)];
      return entry?.text === text ? entry.known : undefined;
    },
    set(text: string, known: { result: Result }) {
      entries[placeOf(text)] = { text, known };
    },
  };
}

/** Compared one by one: to look up a text of megabytes in a map costs a pass over it. */
function lastOnes<Result>() {
  let texts: string[] = [];
  let results: { result: Result }[] = [];
  return {
    get: (text: string) => results[texts.indexOf(text)],
    set(text: string, result: { result: Result }) {
      texts = [text, ...texts.slice(0, MAX_LONG_TEXTS - 1)];
      results = [result, ...results.slice(0, MAX_LONG_TEXTS - 1)];
    },
    clear() {
      texts = [];
      results = [];
    },
  };
}
