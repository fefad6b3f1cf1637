import { MAX_UNIX_NANO, rfc3339FromUnixNano } from "@runledger/contract";
import { type Fixed64, type KeyValue, type Span, type SpanLink, unixNano } from "../otlp/otlp.ts";
import { attributeMap, jsonOfAttributes } from "./attribute-values.ts";
import { otlpFacts } from "./otlp-facts.ts";
import type { SpanView } from "./span-view.ts";

/** An OTLP span, checked before, as the dialects see it. What OTLP has beside the usual stays as attributes `otlp.*`. */
export function spanOfOtlp(span: Span): SpanView {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: span.parentSpanId.length === 0 || isZero(span.parentSpanId) ? null : hex(span.parentSpanId),
    name: span.name,
    startTime: timeOf(span.startTimeUnixNano),
    endTime: timeOf(span.endTimeUnixNano),
    statusCode: span.status?.code ?? 0,
    statusMessage: span.status?.message ?? "",
    attributes: attributeMap([...span.attributes, ...wireFacts(span)]),
    events: span.events.map((event) => ({
      name: event.name,
      time: eventTimeOf(event.timeUnixNano),
      attributes: jsonOfAttributes(event.attributes),
      ...unlessZero("dropped_attributes_count", event.droppedAttributesCount),
    })),
    links: span.links.map(linkOf),
  };
}

/** What OTLP says of a span beside the usual, as attributes. */
function wireFacts(span: Span): KeyValue[] {
  return otlpFacts([
    ["kind", span.kind],
    ["flags", span.flags],
    ["dropped_attributes_count", span.droppedAttributesCount],
    ["dropped_events_count", span.droppedEventsCount],
    ["dropped_links_count", span.droppedLinksCount],
    ["trace_state", span.traceState],
  ]);
}

function linkOf(link: SpanLink): unknown {
  return {
    trace_id: hex(link.traceId),
    span_id: hex(link.spanId),
    attributes: jsonOfAttributes(link.attributes),
    ...(link.traceState === "" ? {} : { trace_state: link.traceState }),
    ...unlessZero("flags", link.flags),
    ...unlessZero("dropped_attributes_count", link.droppedAttributesCount),
  };
}

function unlessZero(name: string, count: number): Record<string, number> {
  return count === 0 ? {} : { [name]: count };
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("hex");
}

function isZero(id: Uint8Array): boolean {
  return id.every((byte) => byte === 0);
}

function timeOf(value: Fixed64): string {
  return rfc3339FromUnixNano(unixNano(value));
}

/** An event's time is the sender's word only: one that RFC 3339 can't say stays a number of nanoseconds. */
function eventTimeOf(value: Fixed64): string {
  const nanos = unixNano(value);
  return nanos > MAX_UNIX_NANO ? nanos.toString() : rfc3339FromUnixNano(nanos);
}
