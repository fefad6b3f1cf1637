import { PREVIEW_CHARS } from "@runledger/contract";

/** What begins further behind in a text is not looked at: a preview isn't worth the time. */
const LOOK_AT_CHARS = 1_000;
/** Of a list of messages, of their parts, of what a tool gave back. */
const MAX_DEPTH = 12;
const [QUOTE, BACKSLASH, COMMA, COLON] = [34, 92, 44, 58];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];
/** Where an object has its words: the first of them that is there. */
const WORDS = ["parts", "content", "text", "response", "result"];
/** Of a key that we look at, with its quotes: `"arguments"`. */
const LONGEST_KEY = 11;

/**
 * The first words of a message, of a list of messages, or of their parts, out of its JSON text, which may be none; a tool call as `name(arguments)`.
 * Null: it has none where we look. Nearly all of a text is not for the preview, so it is read no further than it must, and never parsed.
 */
export function firstWords(json: string): string | null {
  return wordsAt(json, skipSpace(json, 0), 0);
}

/** The same out of a value. */
export function wordsOf(value: unknown, depth = 0): string | null {
  if (typeof value === "string") return value;
  if (value === null || typeof value !== "object" || depth > MAX_DEPTH) return null;
  if (Array.isArray(value)) return joined(value, depth);
  const part = value as Record<string, unknown>;
  if (part["type"] === "tool_call")
    return typeof part["name"] === "string" ? `${part["name"]}(${JSON.stringify(part["arguments"] ?? {})})` : null;
  const inner = part["parts"] ?? part["content"] ?? part["text"] ?? part["response"] ?? part["result"] ?? null;
  return wordsOf(inner, depth + 1);
}

function joined(list: readonly unknown[], depth: number): string | null {
  let words: string | null = null;
  for (const item of list) {
    const said = wordsOf(item, depth + 1);
    if (said !== null && said !== "") words = words === null ? said : `${words} ${said}`;
    if (words !== null && words.length >= PREVIEW_CHARS) return words;
  }
  return words;
}

function wordsAt(json: string, at: number, depth: number): string | null {
  const first = json.charCodeAt(at);
  if (first === QUOTE) return textAt(json, at);
  if (depth > MAX_DEPTH) return null;
  if (first === OPEN_ARRAY) return wordsOfList(json, at, depth);
  return first === OPEN_OBJECT ? wordsOfObject(json, at, depth) : null;
}

function wordsOfList(json: string, open: number, depth: number): string | null {
  const words: string[] = [];
  let chars = 0;
  let at = skipSpace(json, open + 1);
  while (at < LOOK_AT_CHARS && json.charCodeAt(at) !== CLOSE_ARRAY) {
    const said = wordsAt(json, at, depth + 1);
    if (said !== null && said !== "") chars += words.push(said) && said.length;
    if (chars >= PREVIEW_CHARS) break;
    const next = nextAfter(json, at);
    if (next <= at) return null; // no JSON
    at = next;
  }
  return words.length === 0 ? null : words.join(" ");
}

function wordsOfObject(json: string, open: number, depth: number): string | null {
  let found = -1;
  let rank = WORDS.length;
  let [isCall, name, given] = [false, -1, -1];
  let at = skipSpace(json, open + 1);
  while (at < LOOK_AT_CHARS && json.charCodeAt(at) === QUOTE) {
    const endOfKey = endOfString(json, at);
    const colon = skipSpace(json, endOfKey);
    if (json.charCodeAt(colon) !== COLON) break;
    const value = skipSpace(json, colon + 1);
    if (endOfKey - at <= LONGEST_KEY) {
      const key = json.slice(at + 1, endOfKey - 1);
      const place = WORDS.indexOf(key);
      if (place >= 0 && place < rank && !json.startsWith("null", value)) [rank, found] = [place, value];
      else if (key === "type") isCall = json.startsWith('"tool_call"', value);
      else if (key === "name") name = value;
      else if (key === "arguments") given = value;
    }
    at = nextAfter(json, value);
  }
  if (isCall) return json.charCodeAt(name) === QUOTE ? callAt(json, name, given) : null;
  return found < 0 ? null : wordsAt(json, found, depth + 1);
}

function callAt(json: string, name: number, given: number): string {
  const isNone = given < 0 || json.startsWith("null", given);
  return `${textAt(json, name)}(${isNone ? "{}" : json.slice(given, Math.min(endOfValue(json, given), given + PREVIEW_CHARS))})`;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json.charCodeAt(at) <= 32) at++;
  return at;
}

/** Where the next item or member begins, or the list or object ends. */
function nextAfter(json: string, value: number): number {
  const at = skipSpace(json, endOfValue(json, value));
  return json.charCodeAt(at) === COMMA ? skipSpace(json, at + 1) : at;
}

/** Behind a value, whatever it says; where it goes on beyond what we look at, there. */
function endOfValue(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < LOOK_AT_CHARS; at++) {
    const char = json.charCodeAt(at);
    if (char === QUOTE) {
      at = endOfString(json, at) - 1;
      if (depth === 0) return at + 1;
    } else if (char === OPEN_ARRAY || char === OPEN_OBJECT) depth++;
    else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (char === COMMA && depth === 0) return at;
    else if (Number.isNaN(char)) return at;
  }
  return LOOK_AT_CHARS;
}

/** Behind the closing quote. */
function endOfString(json: string, open: number): number {
  for (let at = open + 1; ; at++) {
    at = json.indexOf('"', at);
    if (at < 0) return json.length + 1;
    let slashes = 0;
    while (json.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
}

/** Characters of an escape, less one: `\ud83d\ude00` may be cut anywhere. */
const MAX_CUT_CHARS = 11;

/** What a JSON string says, as far as a preview shows it. */
function textAt(json: string, open: number): string | null {
  const said = json.slice(open + 1, Math.min(endOfString(json, open) - 1, open + 1 + LOOK_AT_CHARS));
  if (!said.includes("\\")) return said;
  for (let cut = 0; cut <= MAX_CUT_CHARS; cut++) {
    try {
      return JSON.parse(`"${said.slice(0, said.length - cut)}"`);
    } catch {
      // it was cut within an escape
    }
  }
  return null;
}
