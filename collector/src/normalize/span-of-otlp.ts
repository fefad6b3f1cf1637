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
    const tell = (at: number, value: number | string) => {
      if (value === 0 || value === "") return;
      values.push(value);
      told |= 1 << at;
    };
    tell(0, span.kind);
    tell(1, span.flags);
    tell(2, span.droppedAttributesCount);
    tell(3, span.droppedEventsCount);
    tell(4, span.droppedLinksCount);
    tell(5, span.traceState);
    let keys = lists.get(told);
    if (keys === undefined) {
      keys = WIRE_FACTS.filter((_, at) => (told & (1 << at)) !== 0);
      lists.set(told, keys);
    }
    return { keys, values };
  };
}

/** By their places. */
const WIRE_FACTS: readonly string[] = [
  "otlp.kind",
  "otlp.flags",
  "otlp.dropped_attributes_count",
  "otlp.dropped_events_count",
  "otlp.dropped_links_count",
  "otlp.trace_state",
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
