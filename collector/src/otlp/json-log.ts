import {
  anyValueOf,
  attributesOf,
  count,
  enumOf,
  field,
  fixed64,
  id,
  type JsonObject,
  object,
  text,
} from "./json-fields.ts";
import type { LogRecord } from "./log-record.ts";

const SEVERITIES = [
  "UNSPECIFIED",
  ...["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].flatMap((name) => [name, `${name}2`, `${name}3`, `${name}4`]),
].map((name) => `SEVERITY_NUMBER_${name}`);

/** An OTLP LogRecord in OTLP/JSON. @throws Error naming the field that is wrong. */
export function logRecordOf(value: JsonObject): LogRecord {
  const body = field(value, "body");
  return {
    timeUnixNano: fixed64(value, "timeUnixNano"),
    observedTimeUnixNano: fixed64(value, "observedTimeUnixNano"),
    severityNumber: enumOf(value, "severityNumber", SEVERITIES),
    severityText: text(value, "severityText"),
    body: body === undefined ? null : anyValueOf(object(body, "body"), 0),
    attributes: attributesOf(value),
    droppedAttributesCount: count(value, "droppedAttributesCount"),
    flags: count(value, "flags"),
    traceId: id(value, "traceId"),
    spanId: id(value, "spanId"),
    eventName: text(value, "eventName"),
  };
}
