import { canonicalJson, type SpanOrigin } from "@runledger/contract";
import { jsonOfAttributes } from "../otlp/attribute-json.ts";
import type { AnyValue, KeyValue, Resource, Scope } from "../otlp/otlp.ts";
import { sha256Hex } from "./content-hash.ts";
import { otlpFacts } from "./otlp-facts.ts";

/** Resource and scope of an item, as OTLP's request has them around it. */
export interface OtlpOrigin {
  readonly resource: Resource | null;
  readonly resourceSchemaUrl: string;
  readonly scope: Scope | null;
  readonly scopeSchemaUrl: string;
}

/** As many processes as send to one collector in turns, or nearly. */
const MAX_RESOURCES = 64;
/** A longer one is made anew for each request. */
const MAX_KEPT_CHARS = 16_000;

interface KnownResource {
  from: Resource | null;
  schemaUrl: string;
  resource: Record<string, unknown>;
  resourceSha256: string;
}

/**
 * Resource and scope are the same object for all their items in a request, and the resource of a process says the same in each of its requests: converted
 * and hashed once while they repeat.
 */
export function createOrigins(sha256 = sha256Hex): (from: OtlpOrigin) => SpanOrigin {
  const known: KnownResource[] = [];
  let last: { from: OtlpOrigin; origin: SpanOrigin } | null = null;
  const resourceOf = ({ resource: from, resourceSchemaUrl: schemaUrl }: OtlpOrigin): KnownResource => {
    let found = known.find((one) => one.schemaUrl === schemaUrl && saysTheSame(one.from, from));
    if (found === undefined) {
      const resource = attributesWithFacts(from, schemaUrl);
      const text = canonicalJson(resource);
      found = { from, schemaUrl, resource, resourceSha256: sha256(text) };
      // what is not even the same as itself has bytes, which are views into the whole request
      if (text.length > MAX_KEPT_CHARS || !areSame(from?.attributes ?? [], from?.attributes ?? [])) return found;
      known.unshift(found);
      known.length = Math.min(known.length, MAX_RESOURCES);
    }
    return found;
  };
  return (from) => {
    if (last !== null && isSameOrigin(last.from, from)) return last.origin;
    const { resource, resourceSha256 } = resourceOf(from);
    const origin = { resource, resourceSha256, scope: scopeOf(from) };
    last = { from, origin };
    return origin;
  };
}

function saysTheSame(a: Resource | null, b: Resource | null): boolean {
  if (a === b) return true;
  return (
    a !== null &&
    b !== null &&
    a.droppedAttributesCount === b.droppedAttributesCount &&
    areSame(a.attributes, b.attributes)
  );
}

function areSame(a: readonly KeyValue[], b: readonly KeyValue[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) {
    const [one, other] = [a[at] as KeyValue, b[at] as KeyValue];
    if (one.key !== other.key || !isSame(one.value ?? null, other.value ?? null)) return false;
  }
  return true;
}

/** Bytes are never the same: no process has them in its resource. */
function isSame(a: AnyValue | null, b: AnyValue | null): boolean {
  if (a === null || b === null) return a === b;
  if (typeof a.stringValue === "string" && typeof b.stringValue === "string") return a.stringValue === b.stringValue;
  if (a.bytesValue || b.bytesValue || !a.arrayValue !== !b.arrayValue || !a.kvlistValue !== !b.kvlistValue)
    return false;
  const [list, otherList] = [a.arrayValue?.values ?? [], b.arrayValue?.values ?? []];
  return (
    a.stringValue === b.stringValue &&
    a.intValue === b.intValue &&
    a.boolValue === b.boolValue &&
    Object.is(a.doubleValue, b.doubleValue) &&
    list.length === otherList.length &&
    list.every((item, at) => isSame(item, otherList[at] ?? null)) &&
    areSame(a.kvlistValue?.values ?? [], b.kvlistValue?.values ?? [])
  );
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
  if (scopeSchemaUrl === "" && !scope?.droppedAttributesCount && !scope?.attributes.length) return { name, version };
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
