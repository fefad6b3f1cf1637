import { sha256Hex } from "./content-hash.ts";
import { parsedJson } from "./json-text.ts";

/** What is asked of the same texts again and again: by the parts of one step, and by the steps of a run that send their system prompt anew. */
export interface TextMemo {
  /** As `sha256Hex`. */
  sha256(text: string): string;
  /** As `parsedJson`; the value is shared, not to be changed. */
  parse(text: string): unknown;
}

const MAX_HASHES = 16;
const MAX_VALUES = 4;
/** Hashing a shorter text is not worth the search. */
const MIN_HASHED_CHARS = 500;

/** Short-lived, for the spans of one request. */
export function createTextMemo(): TextMemo {
  const sha256 = remembering(sha256Hex, MAX_HASHES);
  return {
    sha256: (text) => (text.length < MIN_HASHED_CHARS ? sha256Hex(text) : sha256(text)),
    parse: remembering(parsedJson, MAX_VALUES),
  };
}

/** The same function, which knows the results for the texts it was asked last. */
function remembering<Result>(of: (text: string) => Result, maxTexts: number): (text: string) => Result {
  const known: { text: string; result: Result }[] = [];
  return (text) => {
    const at = known.findIndex((entry) => entry.text === text);
    const found = known[at] ?? { text, result: of(text) };
    if (at !== 0) {
      known.splice(at === -1 ? maxTexts - 1 : at, 1);
      known.unshift(found);
    }
    return found.result;
  };
}
