import { Metadata } from "@grpc/grpc-js";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { SDK_VERSION } from "../version.ts";

/** How long the collector may take to answer one request. */
const EXPORT_TIMEOUT_MS = 10_000;

/**
 * One OTLP/gRPC connection to the collector. gRPC shares sockets, and the back-off after a failure with them, between
 * clients with equal options: the connection's number in the user agent keeps each apart.
 */
export function createOtlpExporter(endpoint: string, apiKey: string | undefined, connection: number): SpanExporter {
  const metadata = new Metadata();
  if (apiKey !== undefined) metadata.set("authorization", `Bearer ${apiKey}`);
  return new OTLPTraceExporter({
    url: endpoint,
    metadata,
    timeoutMillis: EXPORT_TIMEOUT_MS,
    userAgent: `runledger-sdk/${SDK_VERSION} (connection ${connection})`,
  });
}
