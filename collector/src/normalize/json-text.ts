import { jsonElements } from "@runledger/contract";
import type { TextMemo } from "./text-memo.ts";

/**
 * The elements of a JSON array, each as its text was sent, or null when `text` is not a JSON array.
 * Exact text is kept so that a prompt can be shown, hashed and compared as the model saw it.
 */
export function jsonArrayElements(text: string, memo: Parsed = UNKNOWN): string[] | null {
  const value = memo.parse(text);
  return Array.isArray(value) ? elementsIn(text, value, memo) : null;
}

function elementsIn(text: string, value: readonly unknown[], memo: Parsed): string[] {
  const inner = text.trim().slice(1, -1).trim();
  const elements = value.length === 1 ? [inner] : jsonElements(inner);
  for (let at = 0; at < elements.length; at += 1) {
    const element = (elements[at] as string).trim();
    elements[at] = element;
    if (elements.length === value.length) memo.keep(element, value[at]);
  }
  return elements;
}

/** What texts say, as far as it is known already. */
type Parsed = Pick<TextMemo, "parse" | "keep">;
const UNKNOWN: Parsed = { parse: parsedJson, keep() {} };

/** A value as JSON text: text that is JSON already stays as it is, other text becomes a JSON string. */
export function jsonTextOf(value: unknown, parse = parsedJson): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return parse(value) === undefined ? JSON.stringify(value) : value;
}

/**
 * The text of a value that is only kept (`KEPT_MEDIA_TYPE`): as `jsonTextOf`, but text that begins and ends as an object or a list does is taken at its
 * word, since to parse it would cost more than all the rest. Whoever reads it takes it for words where it is none (`keptValue`).
 */
export function keptText(value: unknown, parse = parsedJson): string {
  return typeof value === "string" && looksLikeJson(value) ? value : jsonTextOf(value, parse);
}

function looksLikeJson(text: string): boolean {
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  return (first === OPEN_OBJECT && last === CLOSE_OBJECT) || (first === OPEN_ARRAY && last === CLOSE_ARRAY);
}

/** The elements of a value that should be a JSON array: structured, or as text. What is none becomes one element. */
export function jsonElementsOf(value: unknown, memo: Parsed = UNKNOWN): string[] {
  if (Array.isArray(value)) return value.map((item) => jsonTextOf(item));
  if (typeof value === "string") return jsonArrayElements(value, memo) ?? [jsonTextOf(value)];
  return [JSON.stringify(value)];
}

const [QUOTE, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [34, 91, 93, 123, 125];
const SCALAR = /^\s*(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*$/;

/** false: it is none. Words are told from JSON by their first and last sign: an exception for each of them would cost more than all the rest. */
export function mayBeJson(text: string): boolean {
  let begin = 0;
  while (isSpace(text.charCodeAt(begin))) begin++;
  let end = text.length - 1;
  while (end > begin && isSpace(text.charCodeAt(end))) end--;
  const last = text.charCodeAt(end);
  switch (text.charCodeAt(begin)) {
    case OPEN_OBJECT:
      return last === CLOSE_OBJECT;
    case OPEN_ARRAY:
      return last === CLOSE_ARRAY;
    case QUOTE:
      return last === QUOTE && end > begin;
    default:
      return SCALAR.test(text);
  }
}

function isSpace(charCode: number): boolean {
  return charCode === 32 || (charCode >= 9 && charCode <= 13);
}

/** What a text says, undefined when it is no JSON. */
export function parsedJson(text: string): unknown {
  if (!mayBeJson(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller keeps the text as it is
  }
}
