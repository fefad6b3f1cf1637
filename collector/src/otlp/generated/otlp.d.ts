// Types of what we use of otlp.js, by hand.
import type { Writer } from "protobufjs/minimal.js";

interface Codec<Message> {
  encode(message: unknown): Writer;
  decode(bytes: Uint8Array): Message;
}

declare const root: {
  opentelemetry: {
    proto: {
      collector: {
        trace: {
          v1: {
            ExportTraceServiceRequest: Codec<object>;
            ExportTraceServiceResponse: Codec<{
              partialSuccess?: { rejectedSpans: number | object; errorMessage: string } | null;
            }>;
          };
        };
        logs: {
          v1: {
            ExportLogsServiceRequest: Codec<object>;
            ExportLogsServiceResponse: Codec<{
              partialSuccess?: { rejectedLogRecords: number | object; errorMessage: string } | null;
            }>;
          };
        };
        metrics: {
          v1: {
            ExportMetricsServiceRequest: Codec<object>;
            ExportMetricsServiceResponse: Codec<{
              partialSuccess?: { rejectedDataPoints: number | object; errorMessage: string } | null;
            }>;
          };
        };
      };
    };
  };
  google: {
    rpc: {
      Status: Codec<{ code: number; message: string; details: { typeUrl: string; value: Uint8Array }[] }>;
      RetryInfo: Codec<{ retryDelay?: { seconds: number | object; nanos: number } | null }>;
    };
  };
};

export default root;
