import { isUtf8 } from "node:buffer";
import type { BodyFormat } from "@runledger/storage";
import root from "./generated/otlp.js";
import type { Group } from "./group.ts";
import { tracesFromJson } from "./json.ts";
import { groupsFromJson } from "./json-group.ts";
import { logRecordOf } from "./json-log.ts";
import { metricOf } from "./json-metric.ts";
import type { LogRecord } from "./log-record.ts";
import type { Metric } from "./metric.ts";
import { OtlpError, type TracesRequest } from "./otlp.ts";
import { sentTracesFromProtobuf, tracesFromProtobuf } from "./protobuf.ts";
import { groupsFromProtobuf } from "./protobuf-group.ts";
import { readLogRecord } from "./protobuf-log.ts";
import { readMetric } from "./protobuf-metric.ts";
import { tooMany } from "./protobuf-reader.ts";
import { type SentSpan, sentTraces } from "./sent-span.ts";

const { collector } = root.opentelemetry.proto;
const { ExportTraceServiceRequest } = collector.trace.v1;

/** Decodes an ExportTraceServiceRequest that is not compressed any more. The result holds views into `body`. @throws OtlpError `malformed`. */
export function decodeTraces(body: Buffer, format: BodyFormat): TracesRequest {
  return decode("ExportTraceServiceRequest", format, () =>
    format === "protobuf" ? tracesFromProtobuf(body) : tracesFromJson(parseJson(body)),
  );
}

/** The same for requests that were checked and acknowledged before. */
export function decodeSentTraces(body: Buffer, format: BodyFormat): TracesRequest<SentSpan> {
  return decode("ExportTraceServiceRequest", format, () =>
    format === "protobuf" ? sentTracesFromProtobuf(body) : sentTraces(tracesFromJson(parseJson(body))),
  );
}

/** The same for an ExportLogsServiceRequest. */
export function decodeLogs(body: Buffer, format: BodyFormat): Group<LogRecord>[] {
  return decode("ExportLogsServiceRequest", format, () =>
    format === "protobuf"
      ? groupsFromProtobuf(body, readLogRecord)
      : groupsFromJson(parseJson(body), LOG_NAMES, logRecordOf),
  );
}

/** The same for an ExportMetricsServiceRequest. */
export function decodeMetrics(body: Buffer, format: BodyFormat): Group<Metric>[] {
  return decode("ExportMetricsServiceRequest", format, () =>
    format === "protobuf"
      ? groupsFromProtobuf(body, readMetric)
      : groupsFromJson(parseJson(body), METRIC_NAMES, metricOf),
  );
}

const LOG_NAMES = { resources: "resourceLogs", scopes: "scopeLogs", items: "logRecords" };
const METRIC_NAMES = { resources: "resourceMetrics", scopes: "scopeMetrics", items: "metrics" };

function decode<Request>(name: string, format: BodyFormat, read: () => Request): Request {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof OtlpError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OtlpError("malformed", `the body is not an OTLP ${name} in ${format}: ${why}`, cause);
  }
}

/** What the decoder generated from the protobuf files makes of a request: the measure for ours, in tests and benchmarks. */
export function decodeTracesAsGenerated(body: Buffer): object {
  return ExportTraceServiceRequest.decode(body);
}

/** Encodes an ExportTraceServiceRequest given with names as in OTLP/JSON and 64-bit values as numbers or Long. For senders and tests. */
export function encodeTraces(request: object): Uint8Array {
  return ExportTraceServiceRequest.encode(request).finish();
}

/** The same for an ExportLogsServiceRequest. */
export function encodeLogs(request: object): Uint8Array {
  return collector.logs.v1.ExportLogsServiceRequest.encode(request).finish();
}

/** The same for an ExportMetricsServiceRequest. */
export function encodeMetrics(request: object): Uint8Array {
  return collector.metrics.v1.ExportMetricsServiceRequest.encode(request).finish();
}

/** A number that a double may not hold exactly: then the slower way that keeps all digits. */
const LONG_NUMBER = /[:[,]\s*-?\d{16}/;

/** Far less than what overflows the stack of the slower way, whose end must not hang on how much of it a caller has left. */
const MAX_NESTING = 1_000;

/** Objects of one request, counted by their braces, those in texts too: three bytes can be one that takes twenty times that in memory. */
const MAX_BRACES = 8_000_000;

function parseJson(body: Buffer): unknown {
  if (body.length > MAX_BRACES && bracesIn(body) > MAX_BRACES) throw tooMany(MAX_BRACES, "objects");
  if (!isUtf8(body)) throw new Error("text is not valid UTF-8");
  const text = body.toString("utf8");
  const plain: unknown = JSON.parse(text);
  if (!LONG_NUMBER.test(text)) return plain;
  if (nestsDeeper(plain, MAX_NESTING)) throw new Error(`values are nested deeper than ${MAX_NESTING}`);
  return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" &&
    !Number.isSafeInteger(value) &&
    context?.source !== undefined &&
    /^-?\d+$/.test(context.source)
      ? BigInt(context.source)
      : value,
  );
}

function bracesIn(body: Buffer): number {
  let count = 0;
  for (const byte of body) if (byte === 123 || byte === 91) count += 1;
  return count;
}

function nestsDeeper(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= limit; depth += 1) {
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
    if (level.length === 0) return false;
  }
  return true;
}
