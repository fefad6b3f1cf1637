import {
  Client,
  credentials,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { decodeTracesAsGenerated, encodeTraces } from "@runledger/collector";

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

interface WireSpan {
  attributes: { key: string; value: { stringValue?: string; intValue?: number | { toNumber(): number } } }[];
}
interface WireRequest {
  resourceSpans: { scopeSpans: { spans: WireSpan[] }[] }[];
}

/** Stands on the wire between an agent and the collector, OTLP over gRPC. */
export interface OtlpWire {
  url: string;
  /** Requests as they came, before anything was done to them. */
  requests: Buffer[];
  close(): Promise<void>;
}

/**
 * @param target where requests are passed on to; undefined: they are acknowledged and go nowhere.
 * @param change what becomes of each span: it, another, or null for one that gets lost. The agent is told that all went well.
 */
export async function startOtlpWire(
  target?: string,
  change?: (span: WireSpan, number: number) => WireSpan | null,
): Promise<OtlpWire> {
  const server = new Server({ "grpc.max_receive_message_length": MAX_MESSAGE_BYTES });
  const client = target === undefined ? null : new Client(new URL(target).host, credentials.createInsecure());
  const requests: Buffer[] = [];
  const raw = (bytes: Buffer) => bytes;
  const marshalling = {
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  };
  const service = { export: { path: EXPORT, requestStream: false, responseStream: false, ...marshalling } };
  const pass = (
    call: { request: Buffer; metadata: Metadata },
    done: (error: object | null, answer?: Buffer) => void,
  ) => {
    requests.push(call.request);
    if (client === null) return done(null, Buffer.alloc(0));
    const body = change === undefined ? call.request : changed(call.request, change);
    client.makeUnaryRequest(EXPORT, raw, raw, body, call.metadata, (error: ServiceError | null, answer?: Buffer) =>
      error === null ? done(null, answer) : done({ code: error.code ?? status.UNKNOWN, details: error.details }),
    );
  };
  server.addService(service, { export: pass });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      client?.close();
      server.forceShutdown();
    },
  };
}

/** The value of an attribute of a span on the wire, numbers as numbers. */
export function wireAttribute({ attributes }: WireSpan, key: string): string | number | undefined {
  const value = attributes.find((attribute) => attribute.key === key)?.value;
  // What is not set is null here.
  const number = value?.intValue ?? null;
  if (number === null) return value?.stringValue ?? undefined;
  return typeof number === "number" ? number : number.toNumber();
}

function changed(body: Buffer, change: (span: WireSpan, number: number) => WireSpan | null): Buffer {
  const request = decodeTracesAsGenerated(body) as WireRequest;
  for (const { scopeSpans } of request.resourceSpans)
    for (const scope of scopeSpans)
      scope.spans = scope.spans.flatMap((span) => {
        const kept = change(span, Number(wireAttribute(span, "runledger.run.seq") ?? -1));
        return kept === null ? [] : [kept];
      });
  return Buffer.from(encodeTraces(request));
}
