import type {
  AnyValue,
  KeyValue,
  Resource,
  ResourceSpans,
  Scope,
  ScopeSpans,
  Span,
  SpanEvent,
  SpanLink,
  SpanStatus,
  TracesRequest,
} from "./otlp.ts";
import { exactNumber } from "./protobuf-reader.ts";

/** Nesting of attribute values: as deep as protobuf goes, which counts two messages a level. */
const MAX_DEPTH = 48;
const SPAN_KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map(
  (name) => `SPAN_KIND_${name}`,
);
const STATUS_CODES = ["UNSET", "OK", "ERROR"].map((name) => `STATUS_CODE_${name}`);

type JsonObject = Record<string, unknown>;

/**
 * OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hex, 64-bit integers as text or number; fields that
 * we don't know are ignored; names may also be the protobuf's own. A wrong field of a span makes that span `undecodable`.
 * @throws Error naming the field outside of spans that is wrong.
 */
export function tracesFromJson(value: unknown): TracesRequest {
  return { resourceSpans: list(object(value, "request"), "resourceSpans", resourceSpansOf) };
}

function resourceSpansOf(value: JsonObject): ResourceSpans {
  const resource = field(value, "resource");
  return {
    resource: resource === undefined ? null : resourceOf(object(resource, "resource")),
    scopeSpans: list(value, "scopeSpans", scopeSpansOf),
    schemaUrl: text(value, "schemaUrl"),
  };
}

function resourceOf(value: JsonObject): Resource {
  return { attributes: attributesOf(value), droppedAttributesCount: count(value, "droppedAttributesCount") };
}

function scopeSpansOf(value: JsonObject): ScopeSpans {
  const scope = field(value, "scope");
  return {
    scope: scope === undefined ? null : scopeOf(object(scope, "scope")),
    ...spansOf(value),
    schemaUrl: text(value, "schemaUrl"),
  };
}

/** Each span by itself: one that is wrong must not cost its neighbours. */
function spansOf(value: JsonObject): Pick<ScopeSpans, "spans" | "undecodable"> {
  const spans: Span[] = [];
  const undecodable: string[] = [];
  for (const item of array(value, "spans")) {
    try {
      spans.push(spanOf(object(item, "an item of spans")));
    } catch (error) {
      undecodable.push(error instanceof Error ? error.message : String(error));
    }
  }
  return undecodable.length === 0 ? { spans } : { spans, undecodable };
}

function scopeOf(value: JsonObject): Scope {
  return { name: text(value, "name"), version: text(value, "version"), ...resourceOf(value) };
}

function spanOf(value: JsonObject): Span {
  const status = field(value, "status");
  return {
    traceId: id(value, "traceId"),
    spanId: id(value, "spanId"),
    traceState: text(value, "traceState"),
    parentSpanId: id(value, "parentSpanId"),
    flags: count(value, "flags"),
    name: text(value, "name"),
    kind: enumOf(value, "kind", SPAN_KINDS),
    startTimeUnixNano: fixed64(value, "startTimeUnixNano"),
    endTimeUnixNano: fixed64(value, "endTimeUnixNano"),
    attributes: attributesOf(value),
    droppedAttributesCount: count(value, "droppedAttributesCount"),
    events: list(value, "events", eventOf),
    droppedEventsCount: count(value, "droppedEventsCount"),
    links: list(value, "links", linkOf),
    droppedLinksCount: count(value, "droppedLinksCount"),
    status: status === undefined ? null : statusOf(object(status, "status")),
  };
}

function eventOf(value: JsonObject): SpanEvent {
  return { timeUnixNano: fixed64(value, "timeUnixNano"), name: text(value, "name"), ...resourceOf(value) };
}

function linkOf(value: JsonObject): SpanLink {
  return {
    traceId: id(value, "traceId"),
    spanId: id(value, "spanId"),
    traceState: text(value, "traceState"),
    flags: count(value, "flags"),
    ...resourceOf(value),
  };
}

function statusOf(value: JsonObject): SpanStatus {
  return { message: text(value, "message"), code: enumOf(value, "code", STATUS_CODES) };
}

function attributesOf(value: JsonObject): KeyValue[] {
  return list(value, "attributes", (item) => keyValueOf(item, 0));
}

function keyValueOf(value: JsonObject, depth: number): KeyValue {
  const any = field(value, "value");
  return { key: text(value, "key"), value: any === undefined ? null : anyValueOf(object(any, "value"), depth) };
}

function anyValueOf(value: JsonObject, depth: number): AnyValue {
  if (depth > MAX_DEPTH) throw new Error(`an attribute's value is nested deeper than ${MAX_DEPTH}`);
  const has = (name: string) => field(value, name) !== undefined;
  if (has("stringValue")) return { stringValue: text(value, "stringValue") };
  if (has("boolValue")) return { boolValue: boolean(value, "boolValue") };
  if (has("intValue")) return { intValue: exactNumber(int64(value, "intValue")) };
  if (has("doubleValue")) return { doubleValue: double(value, "doubleValue") };
  if (has("bytesValue")) return { bytesValue: Buffer.from(text(value, "bytesValue"), "base64") };
  if (has("arrayValue")) {
    const array = object(field(value, "arrayValue"), "arrayValue");
    return { arrayValue: { values: list(array, "values", (item) => anyValueOf(item, depth + 1)) } };
  }
  if (has("kvlistValue")) {
    const pairs = object(field(value, "kvlistValue"), "kvlistValue");
    return { kvlistValue: { values: list(pairs, "values", (item) => keyValueOf(item, depth + 1)) } };
  }
  return {};
}

/** A field by its JSON name or its protobuf name; null counts as absent. */
function field(value: JsonObject, name: string): unknown {
  return value[name] ?? value[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] ?? undefined;
}

function object(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new Error(`${what} is not an object`);
}

function list<Item>(value: JsonObject, name: string, itemOf: (item: JsonObject) => Item): Item[] {
  return array(value, name).map((item) => itemOf(object(item, `an item of ${name}`)));
}

function array(value: JsonObject, name: string): unknown[] {
  const items = field(value, name) ?? [];
  if (!Array.isArray(items)) throw new Error(`${name} is not an array`);
  return items;
}

function text(value: JsonObject, name: string): string {
  const found = field(value, name) ?? "";
  if (typeof found !== "string") throw new Error(`${name} is not a string`);
  if (!found.isWellFormed()) throw new Error(`${name} holds a lone surrogate, which UTF-8 has no form for`);
  return found;
}

function boolean(value: JsonObject, name: string): boolean {
  const found = field(value, name);
  if (typeof found !== "boolean") throw new Error(`${name} is not a boolean`);
  return found;
}

function double(value: JsonObject, name: string): number {
  const found = field(value, name);
  if (typeof found === "number" || typeof found === "bigint") return Number(found);
  if (typeof found === "string" && /^(NaN|-?Infinity|-?[\d.]+([eE][+-]?\d+)?)$/.test(found)) return Number(found);
  throw new Error(`${name} is not a number`);
}

function count(value: JsonObject, name: string): number {
  const found = Number(field(value, name) ?? 0);
  if (!Number.isInteger(found) || found < 0 || found > 0xffffffff)
    throw new Error(`${name} is not an unsigned 32-bit integer`);
  return found;
}

function int64(value: JsonObject, name: string): bigint {
  const found = field(value, name) ?? 0;
  const integer = integerOf(found);
  if (integer === null || BigInt.asIntN(64, integer) !== integer) throw new Error(`${name} is not a 64-bit integer`);
  return integer;
}

function fixed64(value: JsonObject, name: string): bigint {
  const found = field(value, name) ?? 0;
  const integer = integerOf(found);
  if (integer === null || BigInt.asUintN(64, integer) !== integer)
    throw new Error(`${name} is not an unsigned 64-bit integer`);
  return integer;
}

function integerOf(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : null;
  return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : null;
}

function id(value: JsonObject, name: string): Uint8Array {
  const hex = text(value, name);
  if (!/^([0-9a-fA-F]{2})*$/.test(hex)) throw new Error(`${name} is not hexadecimal`);
  return Buffer.from(hex, "hex");
}

function enumOf(value: JsonObject, name: string, names: readonly string[]): number {
  const found = field(value, name) ?? 0;
  const number = typeof found === "string" ? names.indexOf(found) : Number(found);
  if (!Number.isInteger(number) || number < 0)
    throw new Error(`${name} is not one of ${names.join(", ")} or its number`);
  return number;
}
