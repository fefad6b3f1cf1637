import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { decodeTracesAsGenerated } from "@runledger/collector";
import protobuf from "protobufjs";
import type { Frame } from "./normalize-inputs.ts";

/** What servers pay to decode the same requests, each run over all of them. */
export interface DecodeBaselines {
  /** The decoder that protobufjs generates from the protobuf files (`pbjs -t static-module`). */
  generated(): void;
  /** The same behind gunzip, level 6, as exporters often send. */
  gzip(): void;
  /** A stock gRPC server of Node: protobufjs by reflection, then `toObject`, with the options of gRPC's own examples. Source: @grpc/proto-loader, `createDeserializer`. */
  stockGrpc(): void;
  /** The same, and the bodies in it: each attribute that is a JSON object or list, parsed. Then all that was sent has been read once. */
  bodies(): void;
  /** OTLP/JSON: the text out of its bytes, and JSON.parse. Nothing is checked, ids stay text. */
  json(): void;
}

const PROTOS = join(import.meta.dirname, "../../collector/proto");
const TRACE_SERVICE = "opentelemetry/proto/collector/trace/v1/trace_service.proto";
const [OPEN_OBJECT, OPEN_LIST] = [123, 91];
const PROTO_LOADER_OPTIONS = { longs: String, enums: String, defaults: true, oneofs: true };

/** What a server has one of: its decoder is generated at run time, and as warm as ours only when all inputs share it. */
export function loadRequestType(): protobuf.Type {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (target.startsWith("/") ? target : join(PROTOS, target));
  root.loadSync(TRACE_SERVICE, { keepCase: true });
  return root.lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest");
}

export function decodeBaselines(
  request: protobuf.Type,
  frames: readonly Frame[],
  jsons: readonly string[],
): DecodeBaselines {
  const bodies = frames.map(({ body }) => Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  const packed = bodies.map((body) => gzipSync(body));
  const texts = jsons.map((json) => Buffer.from(json));
  return {
    generated: () => {
      for (const body of bodies) decodeTracesAsGenerated(body);
    },
    gzip: () => {
      for (const body of packed) decodeTracesAsGenerated(gunzipSync(body));
    },
    stockGrpc: () => {
      for (const body of bodies) request.toObject(request.decode(body), PROTO_LOADER_OPTIONS);
    },
    bodies: () => {
      for (const body of bodies)
        parseBodies(request.toObject(request.decode(body), PROTO_LOADER_OPTIONS) as StockRequest);
    },
    json: () => {
      for (const text of texts) JSON.parse(text.toString());
    },
  };
}

/** What is read of a request as `stockGrpc` has it. */
interface StockRequest {
  resource_spans: { scope_spans: { spans: { attributes: { value: { string_value?: string } | null }[] }[] }[] }[];
}

function parseBodies({ resource_spans }: StockRequest): void {
  for (const { scope_spans } of resource_spans)
    for (const { spans } of scope_spans)
      for (const { attributes } of spans)
        for (const { value } of attributes) if (value?.string_value !== undefined) parseBody(value.string_value);
}

function parseBody(text: string): void {
  const first = text.charCodeAt(0);
  if (first !== OPEN_OBJECT && first !== OPEN_LIST) return;
  try {
    JSON.parse(text);
  } catch {
    // words that begin like JSON
  }
}
