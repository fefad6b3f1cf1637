import { canonicalJson, rfc3339FromUnixNano } from "@runledger/contract";
import type { JournalFrame } from "@runledger/storage";
import { acceptedTraces } from "../otlp/accepted-traces.ts";
import type { ResourceSpans, ScopeSpans } from "../otlp/otlp.ts";
import { jsonOfAttributes } from "./attribute-values.ts";
import { sha256Hex } from "./content-hash.ts";
import { normalizeSpan, type Reception } from "./normalize-span.ts";
import type { NormalizedFrame, NormalizedRecord } from "./normalized.ts";
import type { Pricer } from "./price.ts";
import type { SpanOrigin } from "./record-id.ts";
import { spanOfOtlp } from "./span-of-otlp.ts";

/** All accepted spans of a journalled request in normal form: the same check as at receipt decides, so nothing acknowledged is left out. */
export function normalizeFrame(frame: JournalFrame, price: Pricer): NormalizedFrame {
  const reception = { tenant: frame.tenant, receivedTime: rfc3339FromUnixNano(frame.receivedUnixNano) };
  const records: NormalizedRecord[] = [];
  for (const resourceSpans of acceptedTraces(frame).resourceSpans) {
    const resource = resourceOf(resourceSpans);
    for (const scopeSpans of resourceSpans.scopeSpans) {
      normalizeScope(scopeSpans, { ...resource, scope: scopeOf(scopeSpans) }, reception, price, records);
    }
  }
  return { seq: frame.seq, records, bodyBytes: frame.body.byteLength };
}

function normalizeScope(
  scopeSpans: ScopeSpans,
  origin: SpanOrigin,
  reception: Reception,
  price: Pricer,
  into: NormalizedRecord[],
): void {
  for (const span of scopeSpans.spans) into.push(normalizeSpan(spanOfOtlp(span), origin, reception, price));
}

function resourceOf(resourceSpans: ResourceSpans): Omit<SpanOrigin, "scope"> {
  const resource = jsonOfAttributes(resourceSpans.resource?.attributes ?? []);
  return { resource, resourceSha256: sha256Hex(canonicalJson(resource)) };
}

function scopeOf(scopeSpans: ScopeSpans): SpanOrigin["scope"] {
  const { name = "", version = "", attributes = [] } = scopeSpans.scope ?? {};
  return attributes.length === 0 ? { name, version } : { name, version, attributes: jsonOfAttributes(attributes) };
}
