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
import { ContentError, ExactReader } from "./protobuf-reader.ts";

type Mutable<Message> = {
  -readonly [Name in keyof Message]: Message[Name] extends readonly (infer Item)[] ? Item[] : Message[Name];
};
type ReadField<Message> = (message: Mutable<Message>, tag: number, reader: ExactReader, depth: number) => boolean;

/** Attribute values in lists in lists …: protobuf's own decoders stop at 100 messages too. */
const MAX_DEPTH = 100;
const NO_BYTES = Buffer.alloc(0);
const LENGTH_AND_BYTES = 2;

// A tag is the field's number times 8 plus its wire type: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
// A field that we don't know, or that has another wire type, is skipped, as protobuf demands.

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
  if (tag === 10)
    message.resource = readMessage(
      message.resource ?? { attributes: [], droppedAttributesCount: 0 },
      readResourceField,
      reader,
      depth,
    );
  else if (tag === 18)
    message.scopeSpans.push(readMessage({ scope: null, spans: [], schemaUrl: "" }, readScopeSpansField, reader, depth));
  else if (tag === 26) message.schemaUrl = reader.string();
  else return false;
  return true;
};

const readResourceField: ReadField<Resource> = (message, tag, reader, depth) => {
  if (tag === 10) message.attributes.push(readKeyValue(reader, depth));
  else if (tag === 16) message.droppedAttributesCount = reader.uint32();
  else return false;
  return true;
};

const readScopeSpansField: ReadField<ScopeSpans> = (message, tag, reader, depth) => {
  if (tag === 18) readSpan(message, reader, depth);
  else if (tag === 10) {
    const scope = message.scope ?? { name: "", version: "", attributes: [], droppedAttributesCount: 0 };
    message.scope = readMessage(scope, readScopeField, reader, depth);
  } else if (tag === 26) message.schemaUrl = reader.string();
  else return false;
  return true;
};

/** One that can't be taken is skipped: it must not cost its neighbours. */
function readSpan(message: Mutable<ScopeSpans>, reader: ExactReader, depth: number): void {
  const { pos, len } = reader;
  try {
    message.spans.push(readMessage(emptySpan(), readSpanField, reader, depth));
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    reader.pos = pos;
    reader.len = len;
    reader.skipType(LENGTH_AND_BYTES);
    message.undecodable ??= [];
    message.undecodable.push(error.message);
  }
}

const readScopeField: ReadField<Scope> = (message, tag, reader, depth) => {
  if (tag === 10) message.name = reader.string();
  else if (tag === 18) message.version = reader.string();
  else if (tag === 26) message.attributes.push(readKeyValue(reader, depth));
  else if (tag === 32) message.droppedAttributesCount = reader.uint32();
  else return false;
  return true;
};

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

function readKeyValue(reader: ExactReader, depth: number): KeyValue {
  return readMessage<KeyValue>({ key: "", value: null }, readKeyValueField, reader, depth);
}

const readKeyValueField: ReadField<KeyValue> = (message, tag, reader, depth) => {
  if (tag === 10) message.key = reader.string();
  else if (tag === 18) message.value = readMessage(message.value ?? {}, readAnyValueField, reader, depth);
  else return false;
  return true;
};

const readAnyValueField: ReadField<AnyValue> = (message, tag, reader, depth) => {
  if (tag === 10) message.stringValue = reader.string();
  else if (tag === 24) message.intValue = reader.readInt64();
  else if (tag === 16) message.boolValue = reader.bool();
  else if (tag === 33) message.doubleValue = reader.double();
  else if (tag === 42) message.arrayValue = readMessage({ values: [] }, readArrayField, reader, depth);
  else if (tag === 50) message.kvlistValue = readMessage({ values: [] }, readKeyValueListField, reader, depth);
  else if (tag === 58) message.bytesValue = reader.bytes();
  else return false;
  return true;
};

const readArrayField: ReadField<{ readonly values: readonly AnyValue[] }> = (message, tag, reader, depth) => {
  if (tag !== 10) return false;
  message.values.push(readMessage<AnyValue>({}, readAnyValueField, reader, depth));
  return true;
};

const readKeyValueListField: ReadField<{ readonly values: readonly KeyValue[] }> = (message, tag, reader, depth) => {
  if (tag !== 10) return false;
  message.values.push(readKeyValue(reader, depth));
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

function readMessage<Message>(
  message: Message,
  readField: ReadField<Message>,
  reader: ExactReader,
  depth: number,
): Message {
  if (depth >= MAX_DEPTH) throw new ContentError(`messages are nested deeper than ${MAX_DEPTH}`);
  const end = reader.size() + reader.pos;
  const outerEnd = reader.len;
  if (end > outerEnd) throw new RangeError(`index out of range: ${end} > ${outerEnd}`);
  reader.len = end;
  readFields(message, end, readField, reader, depth + 1);
  reader.len = outerEnd;
  return message;
}

function readFields<Message>(
  message: Message,
  end: number,
  readField: ReadField<Message>,
  reader: ExactReader,
  depth: number,
): Message {
  while (reader.pos < end) {
    const tag = reader.tag();
    if (!readField(message as Mutable<Message>, tag, reader, depth)) reader.skipType(tag & 7, depth, tag >>> 3);
  }
  if (reader.pos !== end) throw new RangeError(`a message ends at byte ${reader.pos} instead of ${end}`);
  return message;
}
