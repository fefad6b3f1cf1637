import { hash } from "node:crypto";
import type { AttributeValue } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { attributeKeysSha256, canonicalJson, recordId, rfc3339FromUnixNano } from "@runledger/contract";
import type { SpanOrigin } from "./span-origin.ts";

/** The record id that the collector will give a span. */
export type RecordIdentity = (span: ReadableSpan) => string;

/** Of so many sets of attributes the order of their keys is remembered. */
const MAX_KEY_LISTS = 64;
/** What the serializer sets: that it is known whether the parent is remote (OTLP, SpanFlags), and which it never is here. */
const HAS_IS_REMOTE = 0x100;

interface KeyOrder {
  keys: readonly string[];
  sha256: string;
}

/**
 * Makes the ids of spans as they will be seen after the wire: half surrogate pairs become U+FFFD in UTF-8, kind and flags are attributes.
 * What can't change over a process (resource, scope, the keys of one kind of span) is done once.
 */
export function createRecordIdentity({ resource, instrumentationScope }: SpanOrigin): RecordIdentity {
  const resourceSha256 = sha256OfResource(resource.attributes);
  const scope = { name: instrumentationScope.name, version: instrumentationScope.version ?? "" };
  const orders = new Map<string, KeyOrder>();

  const orderOf = (attributes: ReadableSpan["attributes"]): KeyOrder => {
    const own = Object.keys(attributes);
    const known = own.join("\n");
    const found = orders.get(known);
    if (found !== undefined) return found;
    const keys = [...new Set([...own, "otlp.kind", "otlp.flags"])].sort();
    const order = { keys, sha256: attributeKeysSha256(keys.map((key) => key.toWellFormed())) };
    if (orders.size >= MAX_KEY_LISTS) orders.clear();
    orders.set(known, order);
    return order;
  };

  return (span) => {
    const { traceId, spanId, traceFlags } = span.spanContext();
    const { keys, sha256 } = orderOf(span.attributes);
    const values = keys.map((key) => {
      if (key === "otlp.kind") return span.kind + 1;
      return key === "otlp.flags" ? (traceFlags & 0xff) | HAS_IS_REMOTE : valueOnWire(span.attributes[key]);
    });
    return recordId(
      {
        ...{ traceId, spanId, parentSpanId: span.parentSpanContext?.spanId ?? null, name: span.name.toWellFormed() },
        ...{ startTime: timeOf(span.startTime), endTime: timeOf(span.endTime) },
        ...{ statusCode: span.status.code, statusMessage: (span.status.message ?? "").toWellFormed() },
        ...{ keysSha256: sha256, values, events: [], links: [] },
      },
      { resourceSha256, scope },
    );
  };
}

function sha256OfResource(attributes: ReadableSpan["attributes"]): string {
  const members = Object.entries(attributes).map(([key, value]) => [key, valueOnWire(value)]);
  return hash("sha256", canonicalJson(Object.fromEntries(members)), "hex");
}

/** As `collector/src/normalize/attribute-values.ts` reads what the serializer wrote. */
function valueOnWire(value: AttributeValue | null | undefined): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number") return numberOnWire(value);
  if (Array.isArray(value)) return value.map(valueOnWire);
  return value ?? null;
}

function numberOnWire(value: number): unknown {
  if (Number.isSafeInteger(value)) return value + 0; // an int has no -0
  if (!Number.isFinite(value)) return { double: String(value) };
  const isInt64 = Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
  return isInt64 ? { int64: BigInt(value).toString() } : value;
}

function timeOf([seconds, nanos]: ReadableSpan["startTime"]): string {
  return rfc3339FromUnixNano(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}
