// Types of what we use of otlp.js. Written by hand: pbts would declare 64-bit values as Long, but our reader makes bigints of them.
import type { Reader, Writer } from "protobufjs/minimal.js";
import type { TracesRequest } from "../otlp.ts";

interface Codec<Message> {
  encode(message: unknown): Writer;
  decode(reader: Reader | Uint8Array): Message;
}

declare const root: {
 opentelemetry: {
  proto: {
    collector: {
      trace: {
        v1: {
          ExportTraceServiceRequest: Codec<TracesRequest>;
          ExportTraceServiceResponse: Codec<{
            partialSuccess?: { rejectedSpans: number | object; errorMessage: string } | null;
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
