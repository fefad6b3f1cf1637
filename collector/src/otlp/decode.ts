import { isUtf8 } from "node:buffer";
import type { BodyFormat } from "@runledger/storage";
import root from "./generated/otlp.js";
import { tracesFromJson } from "./json.ts";
import { OtlpError, type TracesRequest } from "./otlp.ts";
import { tracesFromProtobuf } from "./protobuf.ts";

const { ExportTraceServiceRequest } = root.opentelemetry.proto.collector.trace.v1;

/** Decodes an ExportTraceServiceRequest that is not compressed any more. The result holds views into `body`. @throws OtlpError `malformed`. */
export function decodeTraces(body: Buffer, format: BodyFormat): TracesRequest {
  try {
    return format === "protobuf" ? tracesFromProtobuf(body) : tracesFromJson(parseJson(body));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OtlpError("malformed", `the body is not an OTLP ExportTraceServiceRequest in ${format}: ${why}`, cause);
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

/** A number that a double may not hold exactly: then the slower way that keeps all digits. */
const LONG_NUMBER = /[:[,]\s*-?\d{16}/;

/** Far less than what overflows the stack of the slower way, whose end must not hang on how much of it a caller has left. */
const MAX_NESTING = 1_000;

function parseJson(body: Buffer): unknown {
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

function nestsDeeper(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= limit; depth += 1) {
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
    if (level.length === 0) return false;
  }
  return true;
}
