import { parsedJson } from "./json-text.ts";

export type Members = Record<string, unknown>;

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Puts the members that are not among `known` behind those that are there. Faster than to take an object apart and put it together again. */
export function copiedBeside(
  into: Members,
  from: Members,
  known: readonly string[],
  isCopied: (value: unknown) => boolean = () => true,
): Members {
  for (const key in from)
    if (!known.includes(key) && isCopied(from[key])) {
      if (key === "__proto__") Object.defineProperty(into, key, { value: from[key], ...PLAIN });
      else into[key] = from[key];
    }
  return into;
}

/** Neither null nor an empty list: OpenAI's clients leave `refusal: null` and `annotations: []` on the messages that they send again, others don't. */
export function saysSomething(value: unknown): boolean {
  return value !== null && !(Array.isArray(value) && value.length === 0);
}

const PLAIN = { configurable: true, enumerable: true, writable: true };

/** What the text says when it is the JSON of an object or a list, else null. */
export function membersOrList(text: unknown, parse = parsedJson): Members | unknown[] | null {
  if (typeof text !== "string") return isMembers(text) || Array.isArray(text) ? text : null;
  if (!isOpening(text, OPEN_OBJECT) && !isOpening(text, OPEN_ARRAY)) return null;
  const value = parse(text);
  return isMembers(value) || Array.isArray(value) ? value : null;
}

/** The members of a JSON object, null for any other text. */
export function jsonObject(text: string, parse = parsedJson): Members | null {
  if (!isOpening(text, OPEN_OBJECT)) return null;
  const value = parse(text);
  return isMembers(value) ? value : null;
}

/** What the text says when it is the JSON of an object or a list, else the value itself. */
export function unlessJson(value: unknown): unknown {
  return typeof value === "string" ? (membersOrList(value) ?? value) : value;
}

const [OPEN_OBJECT, OPEN_ARRAY] = ["{", "["];

/** Does it begin with this sign, but for space? */
function isOpening(text: string, sign: string): boolean {
  return text.startsWith(sign) || (text.charCodeAt(0) <= 32 && text.trimStart().startsWith(sign));
}
