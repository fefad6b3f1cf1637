import { parsedJson } from "./json-text.ts";

export type Members = Record<string, unknown>;

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What the text says when it is the JSON of an object or a list, else null. */
export function membersOrList(text: unknown, parse = parsedJson): Members | unknown[] | null {
  if (typeof text !== "string") return isMembers(text) || Array.isArray(text) ? text : null;
  if (!/^\s*[[{]/.test(text)) return null;
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
