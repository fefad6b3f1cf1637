import type { BodyFormat, JournalFrame } from "@runledger/storage";
import root from "../otlp/generated/otlp.js";
import type { RefusalStatus } from "./status.ts";

const { logs, metrics, trace } = root.opentelemetry.proto.collector;
const { RetryInfo, Status } = root.google.rpc;
const RETRY_INFO_URL = "type.googleapis.com/google.rpc.RetryInfo";

/** What the sender is told of a request that was taken. */
export interface ExportAnswer {
  signal: JournalFrame["signal"];
  /** Of its spans, log records or data points. */
  rejected: number;
  /** "" when all were accepted. */
  message: string;
}

const RESPONSES = {
  traces: { codec: trace.v1.ExportTraceServiceResponse, rejected: "rejectedSpans" },
  logs: { codec: logs.v1.ExportLogsServiceResponse, rejected: "rejectedLogRecords" },
  metrics: { codec: metrics.v1.ExportMetricsServiceResponse, rejected: "rejectedDataPoints" },
} as const;

/** Export…ServiceResponse of the signal, with `partial_success` when something was rejected. */
export function encodeAnswer({ signal, rejected, message }: ExportAnswer, format: BodyFormat): Buffer {
  const { codec, rejected: name } = RESPONSES[signal];
  const answer = (count: number | string) =>
    rejected === 0 ? {} : { partialSuccess: { [name]: count, errorMessage: message } };
  return format === "json"
    ? Buffer.from(JSON.stringify(answer(String(rejected))))
    : Buffer.from(codec.encode(answer(rejected)).finish());
}

/** google.rpc.Status, with RetryInfo when the request may be sent again. */
export function encodeRefusal(refusal: RefusalStatus, format: BodyFormat): Buffer {
  const { grpcCode: code, message, retryAfterSeconds: seconds } = refusal;
  if (format === "json") {
    const details = seconds === null ? [] : [{ "@type": RETRY_INFO_URL, retryDelay: `${seconds}s` }];
    return Buffer.from(JSON.stringify({ code, message, details }));
  }
  const details =
    seconds === null
      ? []
      : [{ typeUrl: RETRY_INFO_URL, value: RetryInfo.encode({ retryDelay: { seconds, nanos: 0 } }).finish() }];
  return Buffer.from(Status.encode({ code, message, details }).finish());
}
