import { parsedJson } from "./json-text.ts";

export type Members = Record<string, unknown>;

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Puts the members that are not among `known` behind those that are there. Faster than to take an object apart and put it together again. */
export function copiedBeside(into: Members, from: Members, known: readonly string[]): Members {
  for (const key in from)
    if (!known.includes(key)) {
      if (key === "__proto__") Object.defineProperty(into, key, { value: from[key], ...PLAIN });
      else into[key] = from[key];
    }
  return into;
}

const PLAIN = { configurable: true, enumerable: true, writable: true };

/** What the text says when it is the JSON of an object or a list, else null. */
export function membersOrList(text: unknown, parse = parsedJson): Members | unknown[] | null {
  if (typeof text !== "string") return isMembers(text) || Array.isArray(text) ? text : null;
  if (!isOpening(text)) return null;
  const value = parse(text);
  return isMembers(value) || Array.isArray(value) ? value : null;
}

/** The members of a JSON object, null for any other text. */
export function jsonObject(text: string, parse = parsedJson): Members | null {
  const value = parse(text);
  return isMembers(value) ? value : null;
}

/** What the text says when it is the JSON of an object or a list, else the value itself. */
export function unlessJson(value: unknown): unknown {
  return typeof value === "string" ? (membersOrList(value) ?? value) : value;
}

/** Does it begin as an object or a list does? */
function isOpening(text: string): boolean {
  const first = text.charCodeAt(0);
  return first === 123 || first === 91 || (first <= 32 && /^\s*[[{]/.test(text));
}
