import type { RunledgerRecord } from "@runledger/contract";
import { sha256Hex } from "./content-hash.ts";
import type { SpanView } from "./span-view.ts";

/** Where a span comes from: resource and scope, with the hash of the resource made once for all its spans. */
export interface SpanOrigin {
  resource: Record<string, unknown>;
  resourceSha256: string;
  scope: RunledgerRecord["scope"];
}

/**
 * sha256 of what the client made: one JSON array of the span's facts in a fixed order, its attributes as key, value, key, value … in the
 * order of their keys. Nothing of ours goes in, no mapping, no time of receipt: a span sent twice, in whatever batches, has one id, also
 * under a later mapping.
 */
export function recordId(span: SpanView, origin: SpanOrigin): string {
  const attributes: unknown[] = [];
  for (const [key, value] of span.attributes) attributes.push(key, value);
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
      span.events,
      span.links,
      origin.resourceSha256,
      [name, version, scopeAttributes],
    ]),
  );
}
