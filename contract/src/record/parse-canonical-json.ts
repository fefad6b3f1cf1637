import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "./canonical-json.ts";

/** RFC 8259, section 9: more than any entry has, and less than any parser's stack. */
const MAX_NESTING = 1_000;
const [NEWLINE, OPEN_ARRAY, OPEN_OBJECT] = [10, 91, 123];

/** The value of bytes that are its one spelling by RFC 8785, in UTF-8 and nested at most 1,000 deep. @throws LogError `malformed`. */
export function parseCanonicalJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value = parse(text);
  if (mayNestTooDeep(text) && nestsDeeper(value, MAX_NESTING))
    throw new LogError("malformed", `it is nested deeper than ${MAX_NESTING}`);
  if (!isCanonical(value, text)) throw new LogError("malformed", "it is not canonical JSON (RFC 8785)");
  return value;
}

/** As `parseCanonicalJson`, of a line with its newline. @throws LogError `malformed`. */
export function parseCanonicalLine(bytes: Uint8Array): unknown {
  if (bytes.at(-1) !== NEWLINE) throw new LogError("malformed", "it has no newline at its end");
  return parseCanonicalJson(bytes.subarray(0, -1));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LogError("malformed", "it is not UTF-8", cause);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LogError("malformed", "it is not JSON", cause);
  }
}

function isCanonical(value: unknown, text: string): boolean {
  try {
    return canonicalJson(value) === text;
  } catch (error) {
    // Lone surrogates and 1e400: JSON can spell them, RFC 8785 can't.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** What has few brackets is not deep: most texts. */
function mayNestTooDeep(text: string): boolean {
  let opened = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === OPEN_ARRAY || char === OPEN_OBJECT) opened++;
  }
  return opened > MAX_NESTING;
}

/** Level by level, as a recursion could not go. An array or object is one deep, empty too. */
function nestsDeeper(value: unknown, limit: number): boolean {
  let level = [value].filter(isNest);
  for (let depth = 0; depth < limit && level.length > 0; depth++)
    level = level.flatMap((each) => Object.values(each)).filter(isNest);
  return level.length > 0;
}

function isNest(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
