import type { AnyValue, KeyValue, Resource, Scope } from "./otlp.ts";
import { ContentError, type ExactReader } from "./protobuf-reader.ts";

export type Mutable<Message> = {
  -readonly [Name in keyof Message]: Message[Name] extends readonly (infer Item)[] ? Item[] : Message[Name];
};
/** Reads the field that `tag` names into the message; false when it does not know it. */
export type ReadField<Message> = (
  message: Mutable<Message>,
  tag: number,
  reader: ExactReader,
  depth: number,
) => boolean;

/** Attribute values in lists in lists …: protobuf's own decoders stop at 100 messages too. */
const MAX_DEPTH = 100;
const LENGTH_AND_BYTES = 2;

// A tag is the field's number times 8 plus its wire type: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
// A field that we don't know, or that has another wire type, is skipped, as protobuf demands.

export function readResource(resource: Resource | null | undefined, reader: ExactReader, depth: number): Resource {
  return readMessage(resource ?? { attributes: [], droppedAttributesCount: 0 }, readResourceField, reader, depth);
}

const readResourceField: ReadField<Resource> = (message, tag, reader, depth) => {
  if (tag === 10) message.attributes.push(readKeyValue(reader, depth));
  else if (tag === 16) message.droppedAttributesCount = reader.uint32();
  else return false;
  return true;
};

export function readScope(scope: Scope | null | undefined, reader: ExactReader, depth: number): Scope {
  const empty = { name: "", version: "", attributes: [], droppedAttributesCount: 0 };
  return readMessage(scope ?? empty, readScopeField, reader, depth);
}

const readScopeField: ReadField<Scope> = (message, tag, reader, depth) => {
  if (tag === 10) message.name = reader.string();
  else if (tag === 18) message.version = reader.string();
  else if (tag === 26) message.attributes.push(readKeyValue(reader, depth));
  else if (tag === 32) message.droppedAttributesCount = reader.uint32();
  else return false;
  return true;
};

export function readKeyValue(reader: ExactReader, depth: number): KeyValue {
  return readMessage<KeyValue>({ key: "", value: null }, readKeyValueField, reader, depth);
}

const readKeyValueField: ReadField<KeyValue> = (message, tag, reader, depth) => {
  if (tag === 10) message.key = reader.key();
  else if (tag === 18) message.value = readAnyValue(message.value, reader, depth);
  else return false;
  return true;
};

/** One of its fields is set: the last that came. */
export function readAnyValue(value: AnyValue | null | undefined, reader: ExactReader, depth: number): AnyValue {
  const outerEnd = beginMessage(reader, depth);
  let read = value ?? {};
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    if (tag === 10) read = { stringValue: reader.string() };
    else if (tag === 24) read = { intValue: reader.readInt64() };
    else if (tag === 16) read = { boolValue: reader.bool() };
    else if (tag === 33) read = { doubleValue: reader.double() };
    else if (tag === 42) read = { arrayValue: readMessage({ values: [] }, readArrayField, reader, depth + 1) };
    else if (tag === 50) read = { kvlistValue: readMessage({ values: [] }, readKeyValueListField, reader, depth + 1) };
    else if (tag === 58) read = { bytesValue: reader.bytes() };
    else reader.skipType(tag & 7, depth + 1, tag >>> 3);
  }
  endMessage(reader, outerEnd);
  return read;
}

const readArrayField: ReadField<{ readonly values: readonly AnyValue[] }> = (message, tag, reader, depth) => {
  if (tag !== 10) return false;
  message.values.push(readAnyValue(null, reader, depth));
  return true;
};

const readKeyValueListField: ReadField<{ readonly values: readonly KeyValue[] }> = (message, tag, reader, depth) => {
  if (tag !== 10) return false;
  message.values.push(readKeyValue(reader, depth));
  return true;
};

/** Reads an item of a request; one that can't be taken is skipped, and why is told: it must not cost its neighbours. */
export function readOrSkip(reader: ExactReader, read: () => void): string | null {
  const { pos, len } = reader;
  reader.countItem();
  try {
    read();
    return null;
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    reader.pos = pos;
    reader.len = len;
    reader.skipType(LENGTH_AND_BYTES);
    return error.message;
  }
}

export function readMessage<Message>(
  message: Message,
  readField: ReadField<Message>,
  reader: ExactReader,
  depth: number,
): Message {
  const outerEnd = beginMessage(reader, depth);
  readFields(message, reader.len, readField, reader, depth + 1);
  reader.len = outerEnd;
  return message;
}

/** The reader's end becomes that of the message, whose length comes next. Gives the end of what is around it, for `endMessage`. */
export function beginMessage(reader: ExactReader, depth: number): number {
  reader.countMessage();
  if (depth >= MAX_DEPTH) throw new ContentError(`messages are nested deeper than ${MAX_DEPTH}`);
  const end = reader.size() + reader.pos;
  const outerEnd = reader.len;
  if (end > outerEnd) throw new RangeError(`index out of range: ${end} > ${outerEnd}`);
  reader.len = end;
  return outerEnd;
}

export function endMessage(reader: ExactReader, outerEnd: number): void {
  if (reader.pos !== reader.len) throw new RangeError(`a message ends at byte ${reader.pos} instead of ${reader.len}`);
  reader.len = outerEnd;
}

export function readFields<Message>(
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
