import { canonicalJson, rfc3339FromUnixNano } from "@runledger/contract";
import type { JournalFrame } from "@runledger/storage";
import { type AcceptedSpan, decodeAcceptedSpans } from "../otlp/accepted-spans.ts";
import type { Resource } from "../otlp/otlp.ts";
import { jsonOfAttributes } from "./attribute-values.ts";
import { sha256Hex } from "./content-hash.ts";
import { normalizeSpan } from "./normalize-span.ts";
import type { NormalizedFrame } from "./normalized.ts";
import { otlpFacts } from "./otlp-facts.ts";
import type { Pricer } from "./price.ts";
import type { SpanOrigin } from "./record-id.ts";
import { spanOfOtlp } from "./span-of-otlp.ts";

/** All accepted spans of a journalled request in normal form: the same check as at receipt decides, so nothing acknowledged is left out. */
export function normalizeFrame(frame: JournalFrame, price: Pricer): NormalizedFrame {
  const reception = { tenant: frame.tenant, receivedTime: rfc3339FromUnixNano(frame.receivedUnixNano) };
  const originOf = createOrigins();
  const records = decodeAcceptedSpans(frame).map((accepted) =>
    normalizeSpan(spanOfOtlp(accepted.span), originOf(accepted), reception, price),
  );
  return { seq: frame.seq, records, bodyBytes: frame.body.byteLength };
}

/** Resource and scope are the same object for all their spans: converted and hashed once while they repeat. */
function createOrigins(): (accepted: AcceptedSpan) => SpanOrigin {
  let last: { from: AcceptedSpan; origin: SpanOrigin } | null = null;
  return (accepted) => {
    if (last !== null && isSameOrigin(last.from, accepted)) return last.origin;
    const resource = attributesWithFacts(accepted.resource, accepted.resourceSchemaUrl);
    const origin = { resource, resourceSha256: sha256Hex(canonicalJson(resource)), scope: scopeOf(accepted) };
    last = { from: accepted, origin };
    return origin;
  };
}

/** The schema URLs are compared for where there is no resource or no scope. */
function isSameOrigin(a: AcceptedSpan, b: AcceptedSpan): boolean {
  return (
    a.resource === b.resource &&
    a.scope === b.scope &&
    a.resourceSchemaUrl === b.resourceSchemaUrl &&
    a.scopeSchemaUrl === b.scopeSchemaUrl
  );
}

function scopeOf({ scope, scopeSchemaUrl }: AcceptedSpan): SpanOrigin["scope"] {
  const { name = "", version = "" } = scope ?? {};
  const attributes = attributesWithFacts(scope, scopeSchemaUrl);
  return Object.keys(attributes).length === 0 ? { name, version } : { name, version, attributes };
}

function attributesWithFacts(from: Resource | null, schemaUrl: string): Record<string, unknown> {
  const facts = otlpFacts([
    ["dropped_attributes_count", from?.droppedAttributesCount ?? 0],
    ["schema_url", schemaUrl],
  ]);
  return jsonOfAttributes([...(from?.attributes ?? []), ...facts]);
}
