import type { LogRecord } from "./log-record.ts";
import type { ReadItem } from "./protobuf-group.ts";
import { type ReadField, readAnyValue, readKeyValue, readMessage } from "./protobuf-message.ts";

const NO_BYTES = Buffer.alloc(0);

/** An OTLP LogRecord (field numbers: logs.proto). */
export const readLogRecord: ReadItem<LogRecord> = (reader, depth) =>
  readMessage(emptyLogRecord(), readLogRecordField, reader, depth);

const readLogRecordField: ReadField<LogRecord> = (message, tag, reader, depth) => {
  switch (tag) {
    case 9:
      message.timeUnixNano = reader.readFixed64();
      return true;
    case 16:
      message.severityNumber = reader.int32();
      return true;
    case 26:
      message.severityText = reader.string();
      return true;
    case 42:
      message.body = readAnyValue(message.body, reader, depth);
      return true;
    case 50:
      message.attributes.push(readKeyValue(reader, depth));
      return true;
    case 56:
      message.droppedAttributesCount = reader.uint32();
      return true;
    case 69:
      message.flags = reader.fixed32();
      return true;
    case 74:
      message.traceId = reader.bytes();
      return true;
    case 82:
      message.spanId = reader.bytes();
      return true;
    case 89:
      message.observedTimeUnixNano = reader.readFixed64();
      return true;
    case 98:
      message.eventName = reader.string();
      return true;
    default:
      return false;
  }
};

function emptyLogRecord(): LogRecord {
  return {
    timeUnixNano: 0n,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: "",
    body: null,
    attributes: [],
    droppedAttributesCount: 0,
    flags: 0,
    traceId: NO_BYTES,
    spanId: NO_BYTES,
    eventName: "",
  };
}
