import { MAX_UNIX_NANO } from "@runledger/contract";
import { jsonOfAttributes } from "../otlp/attribute-json.ts";
import { type Fixed64, type SpanEvent, type SpanFacts, type SpanLink, unixNano } from "../otlp/otlp.ts";
import type { SentAttributes, SentSpan } from "../otlp/sent-span.ts";
import { createAttributeMaps } from "./attribute-values.ts";
import type { SpanView } from "./span-view.ts";
import { createTimeTexts } from "./time-text.ts";

const NO_PARENT = "0".repeat(16);
const NONE: readonly never[] = [];

/**
 * Makes views of OTLP spans, checked before, as the dialects see them. What OTLP has beside the usual stays as attributes `otlp.*`.
 * What spans that follow each other have in common (the second, the keys) is made once.
 */
export function createSpanViews(): (span: SentSpan) => SpanView {
  const attributesOf = createAttributeMaps();
  const wireFactsOf = createWireFacts();
  const startTimeOf = createTimeTexts();
  const endTimeOf = createTimeTexts();
  const eventTimes = createTimeTexts();
  const eventTimeOf = (value: Fixed64) => {
    const nanos = unixNano(value);
    // an event's time is the sender's word only: one that RFC 3339 can't say stays a number of nanoseconds
    return nanos > MAX_UNIX_NANO ? nanos.toString() : eventTimes(nanos);
  };
  return (span) => ({
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId === "" || span.parentSpanId === NO_PARENT ? null : span.parentSpanId,
    name: span.name,
    startTime: startTimeOf(unixNano(span.startTimeUnixNano)),
    endTime: endTimeOf(unixNano(span.endTimeUnixNano)),
    statusCode: span.status?.code ?? 0,
    statusMessage: span.status?.message ?? "",
    attributes: attributesOf(span.attributes, wireFactsOf(span)),
    events:
      span.events.length === 0 ? NONE : span.events.map((event) => eventOf(event, eventTimeOf(event.timeUnixNano))),
    links: span.links.length === 0 ? NONE : span.links.map(linkOf),
  });
}

/** What OTLP says of a span beside the usual. Spans of which it says the same have one list of keys. */
function createWireFacts(): (span: SpanFacts) => SentAttributes {
  const lists = new Map<number, readonly string[]>();
  return (span) => {
    const values: unknown[] = [];
    let told = 0;
    for (let at = 0; at < WIRE_FACTS.length; at += 1) {
      const value = (WIRE_FACTS[at] as WireFact).of(span);
      if (value === 0 || value === "") continue;
      values.push(value);
      told |= 1 << at;
    }
    let keys = lists.get(told);
    if (keys === undefined) {
      keys = WIRE_FACTS.filter((_, at) => (told & (1 << at)) !== 0).map(({ key }) => key);
      lists.set(told, keys);
    }
    return { keys, values };
  };
}

interface WireFact {
  key: string;
  of(span: SpanFacts): number | string;
}

const WIRE_FACTS: readonly WireFact[] = [
  { key: "otlp.kind", of: (span) => span.kind },
  { key: "otlp.flags", of: (span) => span.flags },
  { key: "otlp.dropped_attributes_count", of: (span) => span.droppedAttributesCount },
  { key: "otlp.dropped_events_count", of: (span) => span.droppedEventsCount },
  { key: "otlp.dropped_links_count", of: (span) => span.droppedLinksCount },
  { key: "otlp.trace_state", of: (span) => span.traceState },
];

function eventOf(event: SpanEvent, time: string): SpanView["events"][number] {
  return {
    name: event.name,
    time,
    attributes: jsonOfAttributes(event.attributes),
    ...unlessZero("dropped_attributes_count", event.droppedAttributesCount),
  };
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
  const bytes = Buffer.isBuffer(id) ? id : Buffer.from(id.buffer, id.byteOffset, id.byteLength);
  return bytes.toString("hex");
}
