import type { Metric } from "./metric.ts";
import { emptyOf, type Field, type FieldKind, METRIC, type Shape, type Shaped } from "./metric-shape.ts";
import type { ReadItem } from "./protobuf-group.ts";
import { readKeyValue, readMessage } from "./protobuf-message.ts";
import type { ExactReader } from "./protobuf-reader.ts";

const [VARINT, EIGHT_BYTES, LENGTH_AND_BYTES] = [0, 1, 2];

/** An OTLP Metric. */
export const readMetric: ReadItem<Metric> = (reader, depth) =>
  readShape(METRIC, emptyOf(METRIC), reader, depth) as unknown as Metric;

function readShape(shape: Shape, into: Shaped, reader: ExactReader, depth: number): Shaped {
  return readMessage<Shaped>(
    into,
    (message, tag, _reader, inner) => {
      const field = shape.byNumber.get(tag >>> 3);
      return field !== undefined && readInto(message, field, tag & 7, reader, inner);
    },
    reader,
    depth,
  );
}

/** False when the wire type is not the field's. */
function readInto(
  message: Shaped,
  { name, kind }: Field,
  wireType: number,
  reader: ExactReader,
  depth: number,
): boolean {
  const list = Array.isArray(message[name]) ? message[name] : null;
  if (typeof kind === "object") {
    if (wireType !== LENGTH_AND_BYTES) return false;
    if ("messages" in kind) {
      reader.countItem();
      list?.push(readShape(kind.messages, emptyOf(kind.messages), reader, depth));
    } else message[name] = readShape(kind.message, (message[name] ?? emptyOf(kind.message)) as Shaped, reader, depth);
    return true;
  }
  const scalar = SCALARS[kind];
  if (list === null) {
    if (scalar.wireType !== wireType) return false;
    message[name] = scalar.read(reader, depth);
    return true;
  }
  if (wireType === scalar.wireType) list.push(scalar.read(reader, depth));
  else if (wireType === LENGTH_AND_BYTES) readPacked(list, scalar, reader, depth);
  else return false;
  return true;
}

function readPacked(list: unknown[], scalar: Scalar, reader: ExactReader, depth: number): void {
  const end = reader.size() + reader.pos;
  if (end > reader.len) throw new RangeError(`index out of range: ${end} > ${reader.len}`);
  while (reader.pos < end) {
    reader.countMessage();
    list.push(scalar.read(reader, depth));
  }
  if (reader.pos !== end) throw new RangeError(`a list ends at byte ${reader.pos} instead of ${end}`);
}

interface Scalar {
  wireType: number;
  read(reader: ExactReader, depth: number): unknown;
}

const double: Scalar = { wireType: EIGHT_BYTES, read: (reader) => reader.double() };
const fixed64: Scalar = { wireType: EIGHT_BYTES, read: (reader) => reader.readFixed64() };

/** A value of each kind; of a list, one of its values. */
const SCALARS: Record<Extract<FieldKind, string>, Scalar> = {
  text: { wireType: LENGTH_AND_BYTES, read: (reader) => reader.string() },
  id: { wireType: LENGTH_AND_BYTES, read: (reader) => reader.bytes() },
  attributes: { wireType: LENGTH_AND_BYTES, read: readKeyValue },
  bool: { wireType: VARINT, read: (reader) => reader.bool() },
  enum: { wireType: VARINT, read: (reader) => reader.int32() },
  uint32: { wireType: VARINT, read: (reader) => reader.uint32() },
  sint32: { wireType: VARINT, read: (reader) => reader.sint32() },
  fixed64,
  "optional sfixed64": { wireType: EIGHT_BYTES, read: (reader) => BigInt.asIntN(64, reader.readFixed64()) },
  double,
  "optional double": double,
  fixed64s: fixed64,
  uint64s: { wireType: VARINT, read: (reader) => BigInt.asUintN(64, BigInt(reader.readInt64())) },
  doubles: double,
};
