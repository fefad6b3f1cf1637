import type { RunledgerRecord } from "@runledger/contract";
import { sha256Hex } from "./content-hash.ts";
import { noted, SpanAttributes } from "./span-attributes.ts";
import type { SpanView } from "./span-view.ts";

/** Where a span comes from: resource and scope, with the hash of the resource made once for all its spans. */
export interface SpanOrigin {
  resource: Record<string, unknown>;
  resourceSha256: string;
  scope: RunledgerRecord["scope"];
}

/** Longer texts are content mostly, and hashed as that too. */
const LONG_TEXT_CHARS = 1_000;

/**
 * sha256 of what the client made: the span's facts in a fixed order, the sha256 of its keys as a JSON array in their order, and the
 * values in that order, each written so that it can't run into the next (a text behind its length, long texts as their sha256). Nothing
 * of ours goes in, no mapping, no time of receipt: a span sent twice, in whatever encoding and batches, has one id, also under a later mapping.
 */
export function recordId(span: SpanView, origin: SpanOrigin, sha256 = sha256Hex): string {
  const { shape, list } = SpanAttributes.from(span.attributes);
  const keysSha256 = noted(shape, "sha256", ({ keys }) => sha256Hex(JSON.stringify(keys)));
  let text = `runledger span 2 ${span.traceId} ${span.spanId} ${span.parentSpanId ?? "-"} ${span.startTime} ${span.endTime}`;
  text += ` ${span.statusCode} ${origin.resourceSha256} ${keysSha256}`;
  text += textIn(span.name) + textIn(span.statusMessage) + textIn(origin.scope.name) + textIn(origin.scope.version);
  for (let place = 0; place < list.length; place += 1) text += valueIn(list[place], sha256);
  const { attributes = null } = origin.scope;
  if (attributes !== null) text += jsonIn(attributes);
  if (span.events.length > 0 || span.links.length > 0) text += jsonIn([span.events, span.links]);
  return sha256Hex(text);
}

function valueIn(value: unknown, sha256: (text: string) => string): string {
  if (typeof value === "number") return `#${value}`;
  if (typeof value !== "string") return jsonIn(value);
  return value.length > LONG_TEXT_CHARS && value.isWellFormed() ? `*${sha256(value)}` : textIn(value);
}

/** Half a surrogate pair has no UTF-8: a text with one is told from others by its JSON only. */
function textIn(text: string): string {
  return text.isWellFormed() ? `"${text.length}:${text}` : jsonIn(text);
}

function jsonIn(value: unknown): string {
  const text = JSON.stringify(value);
  return `{${text.length}:${text}`;
}
