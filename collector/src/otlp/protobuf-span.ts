import type { Span, SpanEvent, SpanFacts, SpanLink, SpanStatus } from "./otlp.ts";
import { readSentAttribute } from "./protobuf-json.ts";
import { type ReadField, readKeyValue, readMessage } from "./protobuf-message.ts";
import type { ExactReader } from "./protobuf-reader.ts";
import type { SentSpan } from "./sent-span.ts";

const NO_BYTES = Buffer.alloc(0);

/** Reads a Span (field numbers: trace.proto), its length first. */
export type ReadSpan<Item> = (reader: ExactReader, depth: number) => Item;

/** Byte fields are views into the reader's bytes. */
export const readSpan: ReadSpan<Span> = (reader, depth) => {
  return readMessage<Span>(emptySpan<Uint8Array, []>(NO_BYTES, []), readSpanField, reader, depth);
};

const readSpanField: ReadField<Span> = (span, tag, reader, depth) => {
  if (tag === 74) span.attributes.push(readKeyValue(reader, depth));
  else if (tag === 10) span.traceId = reader.bytes();
  else if (tag === 18) span.spanId = reader.bytes();
  else if (tag === 34) span.parentSpanId = reader.bytes();
  else return readFactsField(span, tag, reader, depth);
  return true;
};

/** Its keys are the list that an earlier span of the request has, where they are the same. */
export const readSentSpan: ReadSpan<SentSpan> = (reader, depth) => {
  const [keys, values]: [string[], unknown[]] = [[], []];
  const readField: ReadField<SentSpan> = (span, tag, _reader, inner) => {
    if (tag === 74) readSentAttribute(keys, values, reader, inner);
    else if (tag === 10) span.traceId = reader.hex();
    else if (tag === 18) span.spanId = reader.hex();
    else if (tag === 34) span.parentSpanId = reader.hex();
    else return readFactsField(span, tag, reader, inner);
    return true;
  };
  const attributes: { keys: readonly string[]; values: unknown[] } = { keys, values };
  const span = readMessage<SentSpan>(emptySpan("", attributes), readField, reader, depth);
  attributes.keys = reader.sharedKeys(keys);
  return span;
};

const readFactsField: ReadField<SpanFacts> = (message, tag, reader, depth) => {
  switch (tag) {
    case 26:
      message.traceState = reader.string();
      return true;
    case 42:
      message.name = reader.string();
      return true;
    case 48:
      message.kind = reader.int32();
      return true;
    case 57:
      message.startTimeUnixNano = reader.readFixed64();
      return true;
    case 65:
      message.endTimeUnixNano = reader.readFixed64();
      return true;
    case 80:
      message.droppedAttributesCount = reader.uint32();
      return true;
    case 90:
      message.events.push(
        readMessage(
          { timeUnixNano: 0n, name: "", attributes: [], droppedAttributesCount: 0 },
          readEventField,
          reader,
          depth,
        ),
      );
      return true;
    case 96:
      message.droppedEventsCount = reader.uint32();
      return true;
    case 106:
      message.links.push(readMessage(emptyLink(), readLinkField, reader, depth));
      return true;
    case 112:
      message.droppedLinksCount = reader.uint32();
      return true;
    case 122:
      message.status = readMessage(message.status ?? { message: "", code: 0 }, readStatusField, reader, depth);
      return true;
    case 133:
      message.flags = reader.fixed32();
      return true;
    default:
      return false;
  }
};

const readEventField: ReadField<SpanEvent> = (message, tag, reader, depth) => {
  if (tag === 9) message.timeUnixNano = reader.readFixed64();
  else if (tag === 18) message.name = reader.string();
  else if (tag === 26) message.attributes.push(readKeyValue(reader, depth));
  else if (tag === 32) message.droppedAttributesCount = reader.uint32();
  else return false;
  return true;
};

const readLinkField: ReadField<SpanLink> = (message, tag, reader, depth) => {
  if (tag === 10) message.traceId = reader.bytes();
  else if (tag === 18) message.spanId = reader.bytes();
  else if (tag === 26) message.traceState = reader.string();
  else if (tag === 34) message.attributes.push(readKeyValue(reader, depth));
  else if (tag === 40) message.droppedAttributesCount = reader.uint32();
  else if (tag === 53) message.flags = reader.fixed32();
  else return false;
  return true;
};

const readStatusField: ReadField<SpanStatus> = (message, tag, reader) => {
  if (tag === 18) message.message = reader.string();
  else if (tag === 24) message.code = reader.int32();
  else return false;
  return true;
};

/** All fields from the start: spans of one shape are decoded and read faster. */
function emptySpan<Id, Attributes>(none: Id, attributes: Attributes) {
  const facts = {
    traceId: none,
    spanId: none,
    traceState: "",
    parentSpanId: none,
    flags: 0,
    name: "",
    kind: 0,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes,
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: null,
  };
  return facts satisfies SpanFacts;
}

function emptyLink(): SpanLink {
  return { traceId: NO_BYTES, spanId: NO_BYTES, traceState: "", attributes: [], droppedAttributesCount: 0, flags: 0 };
}
