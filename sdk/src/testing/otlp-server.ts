import { Server, ServerCredentials, type ServiceDefinition, status } from "@grpc/grpc-js";

export interface OtlpServer {
  port: number;
  /** The requests it acknowledged, as bytes; attribute values are in there as they are. */
  requests: Buffer[];
  metadata: Record<string, unknown>[];
  close(): void;
}

const raw = (bytes: Buffer) => bytes;
const traceService: ServiceDefinition = {
  export: {
    path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  },
};

export interface OtlpServerOptions {
  port?: number;
  /** So many requests get UNAVAILABLE first. */
  refuseFirst?: number;
  /** Of each request, which is not acknowledged before. */
  hold?: () => Promise<void>;
}

/** A real OTLP/gRPC server that acknowledges everything. */
export async function startOtlpServer(options: OtlpServerOptions = {}): Promise<OtlpServer> {
  const { port = 0, refuseFirst = 0, hold } = options;
  const server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
  const requests: Buffer[] = [];
  const metadata: Record<string, unknown>[] = [];
  let refused = 0;
  server.addService(traceService, {
    export(
      call: { request: Buffer; metadata: { getMap(): Record<string, unknown> } },
      done: (error: object | null, answer?: Buffer) => void,
    ) {
      metadata.push(call.metadata.getMap());
      if (refused++ < refuseFirst) return done({ code: status.UNAVAILABLE, message: "not now" });
      requests.push(call.request);
      if (hold === undefined) done(null, Buffer.alloc(0));
      else void hold().then(() => done(null, Buffer.alloc(0)));
    },
  });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, value) =>
      error ? reject(error) : resolve(value),
    ),
  );
  return { port: bound, requests, metadata, close: () => server.forceShutdown() };
}
