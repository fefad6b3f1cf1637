import { sha256Hex } from "./content-hash.ts";
import { mayBeJson, parsedJson } from "./json-text.ts";

/** What is asked of the same texts again and again: by the parts of one step, and by the steps of a run that send their system prompt anew. */
export interface TextMemo {
  /** As `sha256Hex`. */
  sha256(text: string): string;
  /** As `parsedJson`; the value is shared, not to be changed. */
  parse(text: string): unknown;
  /** Tells what `parse` would find, where that is at hand. */
  keep(text: string, value: unknown): void;
  /** `JSON.stringify` of what is parsed again soon. */
  write(value: object): string;
}

const MAX_HASHES = 16;
const MAX_VALUES = 8;
/** Hashing a shorter text is not worth the search. */
const MIN_HASHED_CHARS = 500;

/** Short-lived, for the spans of one request. */
export function createTextMemo(): TextMemo {
  const hashes = remembering(sha256Hex, MAX_HASHES);
  const values = remembering(parsedJson, MAX_VALUES);
  return {
    sha256: (text) => (text.length < MIN_HASHED_CHARS ? sha256Hex(text) : hashes.get(text)),
    parse: (text) => (mayBeJson(text) ? values.get(text) : undefined),
    keep: values.keep,
    write: (value) => {
      const text = JSON.stringify(value);
      values.keep(text, value);
      return text;
    },
  };
}

interface Memory<Result> {
  get(text: string): Result;
  keep(text: string, result: Result): void;
}

/** The same function, which knows the results for the texts it was asked last. */
function remembering<Result>(of: (text: string) => Result, maxTexts: number): Memory<Result> {
  // the one asked last is the first
  const texts: string[] = [];
  const results: Result[] = [];
  const place = (text: string, result: Result, from: number) => {
    for (let at = from; at > 0; at -= 1) {
      texts[at] = texts[at - 1] as string;
      results[at] = results[at - 1] as Result;
    }
    texts[0] = text;
    results[0] = result;
  };
  const keep = (text: string, result: Result) => place(text, result, Math.min(texts.length, maxTexts - 1));
  return {
    get(text) {
      const at = texts.indexOf(text);
      if (at === 0) return results[0] as Result;
      const result = at === -1 ? of(text) : (results[at] as Result);
      if (at === -1) keep(text, result);
      else place(text, result, at);
      return result;
    },
    keep,
  };
}
