import { jsonElements } from "@runledger/contract";

/**
 * The elements of a JSON array, each as its text was sent, or null when `text` is not a JSON array.
 * Exact text is kept so that a prompt can be shown, hashed and compared as the model saw it.
 */
export function jsonArrayElements(text: string): string[] | null {
  const value = parsedJson(text);
  if (!Array.isArray(value)) return null;
  const inner = text.trim().slice(1, -1).trim();
  return value.length === 1 ? [inner] : jsonElements(inner).map((element) => element.trim());
}

/** A value as JSON text: text that is JSON already stays as it is, other text becomes a JSON string. */
export function jsonTextOf(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return parsedJson(value) === undefined ? JSON.stringify(value) : value;
}

/** The elements of a value that should be a JSON array: structured, or as text. What is none becomes one element. */
export function jsonElementsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map((item) => jsonTextOf(item));
  if (typeof value === "string") return jsonArrayElements(value) ?? [jsonTextOf(value)];
  return [JSON.stringify(value)];
}

/** Words are told from JSON by their beginning: an exception for each of them would cost more than all the rest. */
const MAY_BE_JSON = /^\s*(?:[[{"\d-]|true|false|null)/;

/** What a text says, undefined when it is no JSON. */
export function parsedJson(text: string): unknown {
  if (!MAY_BE_JSON.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller keeps the text as it is
  }
}
