import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import protobuf from "protobufjs";

export type Signal = "traces" | "logs" | "metrics";

const PROTOS = fileURLToPath(new URL("../../collector/proto/", import.meta.url));
const SERVICES: Record<Signal, [folder: string, message: string]> = {
  traces: ["trace", "ExportTraceServiceRequest"],
  logs: ["logs", "ExportLogsServiceRequest"],
  metrics: ["metrics", "ExportMetricsServiceRequest"],
};

/** An OTLP request as it came over HTTP, in OTLP/JSON. By protobufjs from the .proto files, so that it is nobody's decoder under test. */
export function otlpJson(signal: Signal, body: Buffer, contentType: string, contentEncoding: string): object {
  const plain =
    contentEncoding === "gzip" ? gunzipSync(body) : contentEncoding === "zstd" ? zstdDecompressSync(body) : body;
  if (contentType.includes("json")) return JSON.parse(plain.toString("utf8"));
  const [folder, message] = SERVICES[signal];
  const path = `opentelemetry/proto/collector/${folder}/v1/${folder}_service.proto`;
  if (!existsSync(`${PROTOS}${path}`)) return {};
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (target.startsWith("/") ? target : `${PROTOS}${target}`);
  const type = root.loadSync(path).lookupType(`opentelemetry.proto.collector.${folder}.v1.${message}`);
  const object = type.toObject(type.decode(plain), { longs: String, enums: Number, bytes: Buffer });
  return jsonOf(object) as object;
}

/** Bytes as OTLP/JSON has them: ids in hex, others in base64. */
function jsonOf(value: unknown, key = ""): unknown {
  if (Buffer.isBuffer(value)) return value.toString(/Id$/.test(key) ? "hex" : "base64");
  if (Array.isArray(value)) return value.map((item) => jsonOf(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonOf(member, name)]));
}

interface JsonTraces {
  resourceSpans?: { scopeSpans?: { spans?: { traceId: string }[] }[] }[];
}

/** The ids of the traces that spans in OTLP/JSON belong to, in the order they appear. */
export function traceIdsOf(requests: readonly JsonTraces[]): string[] {
  const spans = requests.flatMap(({ resourceSpans = [] }) =>
    resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap((scope) => scope.spans ?? [])),
  );
  return [...new Set(spans.map(({ traceId }) => traceId.toLowerCase()))];
}
