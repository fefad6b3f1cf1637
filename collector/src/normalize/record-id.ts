import type { RunledgerRecord } from "@runledger/contract";
import { sha256Hex } from "./content-hash.ts";
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
 * sha256 of what the client made: one JSON array of the span's facts in a fixed order, its attributes as key, value, key, value … in the
 * order of their keys, long texts apart as key, sha256 … Nothing of ours goes in, no mapping, no time of receipt: a span sent twice, in
 * whatever batches, has one id, also under a later mapping.
 */
export function recordId(span: SpanView, origin: SpanOrigin, sha256 = sha256Hex): string {
  const attributes: unknown[] = [];
  const longTexts: string[] = [];
  for (const [key, value] of span.attributes) {
    if (isLongText(value)) longTexts.push(key, sha256(value));
    else attributes.push(key, value);
  }
  const { name, version, attributes: scopeAttributes = null } = origin.scope;
  return sha256Hex(
    JSON.stringify([
      span.traceId,
      span.spanId,
      span.parentSpanId,
      span.name,
      span.startTime,
      span.endTime,
      span.statusCode,
      span.statusMessage,
      attributes,
      longTexts,
      span.events,
      span.links,
      origin.resourceSha256,
      [name, version, scopeAttributes],
    ]),
  );
}

/** Half a surrogate pair has no UTF-8: a text with one is told from others by its JSON only. */
function isLongText(value: unknown): value is string {
  return typeof value === "string" && value.length > LONG_TEXT_CHARS && value.isWellFormed();
}
