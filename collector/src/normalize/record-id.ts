import { canonicalJson, type RunledgerRecord } from "@runledger/contract";
import { sha256Hex } from "./content-hash.ts";
import type { SpanView } from "./span-view.ts";

/** Where a span comes from: resource and scope, with the hash of the resource made once for all its spans. */
export interface SpanOrigin {
  resource: Record<string, unknown>;
  resourceSha256: string;
  scope: RunledgerRecord["scope"];
}

/**
 * sha256 of what the client made, in RFC 8785 form: the span with all its attributes, its scope and its resource. Nothing of ours
 * goes in, no mapping, no time of receipt: a span sent twice, in whatever batches, has one id, also under a later mapping.
 */
export function recordId(span: SpanView, origin: SpanOrigin): string {
  const canonical = canonicalJson({
    attributes: Object.fromEntries(span.attributes),
    end_time: span.endTime,
    events: span.events,
    links: span.links,
    name: span.name,
    parent_id: span.parentSpanId,
    resource_sha256: origin.resourceSha256,
    scope: origin.scope,
    span_id: span.spanId,
    start_time: span.startTime,
    status: [span.statusCode, span.statusMessage],
    trace_id: span.traceId,
  });
  return sha256Hex(canonical);
}
