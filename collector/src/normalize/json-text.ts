import { jsonElements } from "@runledger/contract";

/**
 * The elements of a JSON array, each as its text was sent, or null when `text` is not a JSON array.
 * Exact text is kept so that a prompt can be shown, hashed and compared as the model saw it.
 */
export function jsonArrayElements(text: string): string[] | null {
  if (!isJsonArray(text)) return null;
  return jsonElements(text.trim().slice(1, -1).trim()).map((element) => element.trim());
}

function isJsonArray(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false; // the caller keeps the text as it is
  }
}

/** A value as JSON text: text that is JSON already stays as it is, other text becomes a JSON string. */
export function jsonTextOf(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return isJson(value) ? value : JSON.stringify(value);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The elements of a value that should be a JSON array: structured, or as text. What is none becomes one element. */
export function jsonElementsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map((item) => jsonTextOf(item));
  if (typeof value === "string") return jsonArrayElements(value) ?? [jsonTextOf(value)];
  return [JSON.stringify(value)];
}
