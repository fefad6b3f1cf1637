import { canonicalJson, type SpanOrigin } from "@runledger/contract";
import type { Resource, Scope } from "../otlp/otlp.ts";
import { jsonOfAttributes } from "./attribute-values.ts";
import { sha256Hex } from "./content-hash.ts";
import { otlpFacts } from "./otlp-facts.ts";

/** Resource and scope of an item, as OTLP's request has them around it. */
export interface OtlpOrigin {
  readonly resource: Resource | null;
  readonly resourceSchemaUrl: string;
  readonly scope: Scope | null;
  readonly scopeSchemaUrl: string;
}

/** Resource and scope are the same object for all their items: converted and hashed once while they repeat. */
export function createOrigins(sha256 = sha256Hex): (from: OtlpOrigin) => SpanOrigin {
  let last: { from: OtlpOrigin; origin: SpanOrigin } | null = null;
  return (from) => {
    if (last !== null && isSameOrigin(last.from, from)) return last.origin;
    const resource = attributesWithFacts(from.resource, from.resourceSchemaUrl);
    const origin = { resource, resourceSha256: sha256(canonicalJson(resource)), scope: scopeOf(from) };
    last = { from, origin };
    return origin;
  };
}

/** The schema URLs are compared for where there is no resource or no scope. */
function isSameOrigin(a: OtlpOrigin, b: OtlpOrigin): boolean {
  return (
    a.resource === b.resource &&
    a.scope === b.scope &&
    a.resourceSchemaUrl === b.resourceSchemaUrl &&
    a.scopeSchemaUrl === b.scopeSchemaUrl
  );
}

function scopeOf({ scope, scopeSchemaUrl }: OtlpOrigin): SpanOrigin["scope"] {
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
