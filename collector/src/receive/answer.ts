import type { BodyFormat } from "@runledger/storage";
import root from "../otlp/generated/otlp.js";
import type { RefusalStatus } from "./status.ts";

const { ExportTraceServiceResponse } = root.opentelemetry.proto.collector.trace.v1;
const { RetryInfo, Status } = root.google.rpc;
const RETRY_INFO_URL = "type.googleapis.com/google.rpc.RetryInfo";

/** What the sender is told of a request that was taken. */
export interface TracesAnswer {
  rejectedSpans: number;
  /** "" when all spans were accepted. */
  message: string;
}

/** ExportTraceServiceResponse, with `partial_success` when spans were rejected. */
export function encodeAnswer(answer: TracesAnswer, format: BodyFormat): Buffer {
  const { rejectedSpans, message } = answer;
  const partial = rejectedSpans > 0;
  if (format === "json") {
    return Buffer.from(
      JSON.stringify(
        partial ? { partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage: message } } : {},
      ),
    );
  }
  return Buffer.from(
    ExportTraceServiceResponse.encode(
      partial ? { partialSuccess: { rejectedSpans, errorMessage: message } } : {},
    ).finish(),
  );
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
