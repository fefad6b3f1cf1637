import crypto from "node:crypto";
import type { RunledgerRecord } from "./record.ts";

/** Where a span comes from: resource and scope, with the hash of the resource (`canonicalJson`) made once for all its spans. */
export interface SpanOrigin {
  resource: Record<string, unknown>;
  resourceSha256: string;
  scope: RunledgerRecord["scope"];
}

/** A span as its id sees it: ids in hex, times in RFC 3339, attribute values as JSON (`collector/src/normalize/attribute-values.ts`). */
export interface IdentifiedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  startTime: string;
  endTime: string;
  /** OTLP StatusCode. */
  statusCode: number;
  statusMessage: string;
  /** `attributeKeysSha256` of the keys in their order, and the values in that order. Kind and flags are among them, as `otlp.kind` and `otlp.flags`. */
  keysSha256: string;
  values: readonly unknown[];
  events: readonly unknown[];
  links: readonly unknown[];
}

/** How a text is hashed, and written as JSON: the same for all, but some know it of texts that come again. */
export interface TextForms {
  sha256(text: string): string;
  json(text: string): string;
}

/** Longer texts are content mostly, and hashed as that too. */
const LONG_TEXT_CHARS = 1_000;

/**
 * sha256 of what the client made: the span's facts in a fixed order, the sha256 of its keys as a JSON array in their order, and the
 * values in that order, each written so that it can't run into the next (a text behind its length, long texts as their sha256). Nothing
 * of ours goes in, no mapping, no time of receipt: a span sent twice, in whatever encoding and batches, has one id, also under a later mapping.
 * The collector makes it of what arrived, the SDK of what it sends, to name it in the record after it: they must agree.
 */
export function recordId(span: IdentifiedSpan, origin: Omit<SpanOrigin, "resource">, forms: TextForms = ANEW): string {
  // Whatever follows a text begins with a sign that is no half of a pair: a half one anywhere shows in the whole, and there is nearly never one.
  const text = textOf(span, origin, forms, wellFormedTextIn);
  return sha256Hex(text.isWellFormed() ? text : textOf(span, origin, forms, textIn));
}

function textOf(
  span: IdentifiedSpan,
  origin: Omit<SpanOrigin, "resource">,
  forms: TextForms,
  textIn: (text: string) => string,
): string {
  let text = `runledger span 2 ${span.traceId} ${span.spanId} ${span.parentSpanId ?? "-"} ${span.startTime} ${span.endTime}`;
  text += ` ${span.statusCode} ${origin.resourceSha256} ${span.keysSha256}`;
  text += textIn(span.name) + textIn(span.statusMessage) + textIn(origin.scope.name) + textIn(origin.scope.version);
  for (let place = 0; place < span.values.length; place += 1) text += valueIn(span.values[place], forms, textIn);
  const { attributes = null } = origin.scope;
  if (attributes !== null) text += scopeIn(attributes);
  if (span.events.length > 0 || span.links.length > 0) text += jsonIn([span.events, span.links]);
  return text;
}

/** @param keys in their order (UTF-16 code units), each once. */
export function attributeKeysSha256(keys: readonly string[]): string {
  return sha256Hex(JSON.stringify(keys));
}

const ANEW: TextForms = { sha256: (text) => sha256Hex(text), json: (text) => JSON.stringify(text) };

function sha256Hex(text: string): string {
  return crypto.hash("sha256", text, "hex");
}

function valueIn(value: unknown, forms: TextForms, textIn: (text: string) => string): string {
  if (typeof value === "number") return `#${value}`;
  if (typeof value === "boolean") return value ? TRUE : FALSE;
  if (Array.isArray(value)) return listIn(value, forms);
  if (typeof value !== "string") return jsonIn(value);
  return value.length > LONG_TEXT_CHARS && value.isWellFormed() ? `*${forms.sha256(value)}` : textIn(value);
}

const [TRUE, FALSE] = [jsonIn(true), jsonIn(false)];

function wellFormedTextIn(text: string): string {
  return (HEADS[text.length] ?? headOf(text.length)) + text;
}

/** What stands before a text of so many characters. Most are short, and a number's digits cost as much as the rest of its text. */
const HEADS: readonly string[] = Array.from({ length: 256 }, (_, length) => headOf(length));

function headOf(length: number): string {
  return `"${length}:`;
}

/** Half a surrogate pair has no UTF-8: a text with one is told from others by its JSON only. */
function textIn(text: string): string {
  return text.isWellFormed() ? wellFormedTextIn(text) : jsonIn(text);
}

/** A list of texts one by one: an agent's tools are such, and come with each of its calls. */
function listIn(list: readonly unknown[], { json }: TextForms): string {
  let text = "[";
  for (const item of list) {
    if (typeof item !== "string") return jsonIn(list);
    text += text === "[" ? json(item) : `,${json(item)}`;
  }
  return `{${text.length + 1}:${text}]`;
}

/** Once for all the spans of a scope that come one after the other. */
function scopeIn(attributes: object): string {
  if (lastScope.attributes !== attributes) lastScope = { attributes, text: jsonIn(attributes) };
  return lastScope.text;
}
let lastScope = { attributes: {}, text: "" };

function jsonIn(value: unknown): string {
  const text = JSON.stringify(value);
  return `{${text.length}:${text}`;
}
