import { createRequire } from "node:module";
import type { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

/**
 * An ExportTraceServiceRequest for the disk. Each record has its own resource, so that one which a collector refuses can be told from the
 * others. The serializer is loaded when it is needed: on the agent's thread, at the end of a process only.
 */
export function serializeApart(spans: readonly ReadableSpan[]): Uint8Array {
  const load = createRequire(import.meta.url);
  const transformer = load("@opentelemetry/otlp-transformer") as {
    ProtobufTraceSerializer: typeof ProtobufTraceSerializer;
  };
  return Buffer.concat(
    spans.map((span) => transformer.ProtobufTraceSerializer.serializeRequest([span]) ?? Buffer.alloc(0)),
  );
}
