import {
  attributesOf,
  count,
  enumOf,
  field,
  fixed64,
  id,
  type JsonObject,
  list,
  listOrSkip,
  object,
  resourceOf,
  scopeOf,
  text,
} from "./json-fields.ts";
import type { ResourceSpans, ScopeSpans, Span, SpanEvent, SpanLink, SpanStatus, TracesRequest } from "./otlp.ts";

const SPAN_KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map(
  (name) => `SPAN_KIND_${name}`,
);
const STATUS_CODES = ["UNSET", "OK", "ERROR"].map((name) => `STATUS_CODE_${name}`);

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

function scopeSpansOf(value: JsonObject): ScopeSpans {
  const scope = field(value, "scope");
  return {
    scope: scope === undefined ? null : scopeOf(object(scope, "scope")),
    ...spansOf(value),
    schemaUrl: text(value, "schemaUrl"),
  };
}

function spansOf(value: JsonObject): Pick<ScopeSpans, "spans" | "undecodable"> {
  const { items: spans, undecodable } = listOrSkip(value, "spans", spanOf);
  return undecodable.length === 0 ? { spans } : { spans, undecodable };
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
