import type { ResourceSpans, ScopeSpans, Span, SpanEvent, SpanLink, SpanStatus, TracesRequest } from "./otlp.ts";
import {
  type Mutable,
  type ReadField,
  readFields,
  readKeyValue,
  readMessage,
  readOrSkip,
  readResource,
  readScope,
} from "./protobuf-message.ts";
import { ExactReader } from "./protobuf-reader.ts";

const NO_BYTES = Buffer.alloc(0);

/**
 * Decodes an ExportTraceServiceRequest (field numbers: trace.proto and common.proto). Byte fields are views into `body`.
 * A span with text that is not UTF-8, or nested too deep, becomes `undecodable`. @throws Error for the same elsewhere and for broken bytes.
 * By hand because the generated decoder takes more than twice as long and is the largest part of receiving; it is the measure in our tests.
 */
export function tracesFromProtobuf(body: Buffer): TracesRequest {
  const reader = new ExactReader(body);
  return readFields<TracesRequest>({ resourceSpans: [] }, body.length, readRequestField, reader, 0);
}

const readRequestField: ReadField<TracesRequest> = (message, tag, reader, depth) => {
  if (tag !== 10) return false;
  message.resourceSpans.push(
    readMessage({ resource: null, scopeSpans: [], schemaUrl: "" }, readResourceSpansField, reader, depth),
  );
  return true;
};

const readResourceSpansField: ReadField<ResourceSpans> = (message, tag, reader, depth) => {
  if (tag === 10) message.resource = readResource(message.resource, reader, depth);
  else if (tag === 18)
    message.scopeSpans.push(readMessage({ scope: null, spans: [], schemaUrl: "" }, readScopeSpansField, reader, depth));
  else if (tag === 26) message.schemaUrl = reader.string();
  else return false;
  return true;
};

const readScopeSpansField: ReadField<ScopeSpans> = (message, tag, reader, depth) => {
  if (tag === 18) readSpan(message, reader, depth);
  else if (tag === 10) message.scope = readScope(message.scope, reader, depth);
  else if (tag === 26) message.schemaUrl = reader.string();
  else return false;
  return true;
};

function readSpan(message: Mutable<ScopeSpans>, reader: ExactReader, depth: number): void {
  const why = readOrSkip(reader, () => message.spans.push(readMessage(emptySpan(), readSpanField, reader, depth)));
  if (why === null) return;
  message.undecodable ??= [];
  message.undecodable.push(why);
}

const readSpanField: ReadField<Span> = (message, tag, reader, depth) => {
  switch (tag) {
    case 10:
      message.traceId = reader.bytes();
      return true;
    case 18:
      message.spanId = reader.bytes();
      return true;
    case 26:
      message.traceState = reader.string();
      return true;
    case 34:
      message.parentSpanId = reader.bytes();
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
    case 74:
      message.attributes.push(readKeyValue(reader, depth));
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
function emptySpan(): Span {
  return {
    traceId: NO_BYTES,
    spanId: NO_BYTES,
    traceState: "",
    parentSpanId: NO_BYTES,
    flags: 0,
    name: "",
    kind: 0,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: null,
  };
}

function emptyLink(): SpanLink {
  return { traceId: NO_BYTES, spanId: NO_BYTES, traceState: "", attributes: [], droppedAttributesCount: 0, flags: 0 };
}
