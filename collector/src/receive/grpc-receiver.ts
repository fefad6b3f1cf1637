import { isIPv6 } from "node:net";
import {
  logVerbosity,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
} from "@grpc/grpc-js";
import type { TlsSettings } from "@runledger/contract";
import { encodeAnswer } from "./answer.ts";
import { createAdmission, grpcErrorOf } from "./grpc-admission.ts";
import {
  DEFAULT_CLOSE_TIMEOUT_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  type Receiver,
  type ReceiverSettings,
} from "./http-receiver.ts";
import type { Intake } from "./intake.ts";
import { listenError } from "./listen-error.ts";

/** Of a connection; further ones wait with their sender. What all hold together is bounded by the byte budget. */
const MAX_CONCURRENT_STREAMS = 256;
const KEEPALIVE_TIMEOUT_MS = 20_000;
const COLLECTOR = "opentelemetry.proto.collector";
const SERVICES = [
  ["traces", "trace.v1.TraceService"],
  ["logs", "logs.v1.LogsService"],
  ["metrics", "metrics.v1.MetricsService"],
] as const;

type Handler = (body: Buffer, metadata: Metadata) => Promise<Buffer>;

/** OTLP/gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). */
export async function createGrpcReceiver(intake: Intake, settings: ReceiverSettings): Promise<Receiver> {
  const { requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } = settings;
  const { interceptor, admitted } = createAdmission(intake, settings.gate, requestTimeoutMs);
  const server = new Server({
    "grpc.max_concurrent_streams": MAX_CONCURRENT_STREAMS,
    // A connection that says nothing is asked whether anybody is there.
    "grpc.keepalive_time_ms": requestTimeoutMs,
    "grpc.keepalive_timeout_ms": Math.min(KEEPALIVE_TIMEOUT_MS, requestTimeoutMs),
    interceptors: [interceptor],
  });
  for (const [signal, service] of SERVICES) {
    addExport(server, intake, `${COLLECTOR}.${service}`, async (body, metadata) => {
      const { sender, reservation, encoding } = admitted(metadata);
      const request = { ...sender, signal, format: "protobuf", encoding, body } as const;
      return encodeAnswer(await intake.take(request, "grpc", reservation), "protobuf");
    });
  }
  // The library prints what it also throws: the message of ours is the one to read.
  setLogVerbosity(logVerbosity.NONE);
  const host = isIPv6(settings.host) ? `[${settings.host}]` : settings.host;
  const port = await bind(server, `${host}:${settings.port}`, credentialsFor(settings.tls ?? null));
  return { port, close: () => close(server, settings.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS) };
}

/** Messages pass as bytes: the intake decodes, and the journal keeps the very bytes. */
function addExport(server: Server, intake: Intake, service: string, handle: Handler): void {
  const definition: ServiceDefinition = {
    Export: {
      path: `/${service}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  };
  server.addService(definition, {
    Export: (
      call: { request: Buffer; metadata: Metadata },
      respond: (error: object | null, answer?: Buffer) => void,
    ) => {
      handle(call.request, call.metadata).then(
        (answer) => respond(null, answer),
        (error: unknown) => respond(grpcErrorOf(intake.refuse(error, "grpc"))),
      );
    },
  });
}

function credentialsFor(tls: TlsSettings | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const clientCa = tls.clientCa === null ? null : Buffer.from(tls.clientCa);
  const own = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) };
  return ServerCredentials.createSsl(clientCa, [own], clientCa !== null);
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) =>
      error === null ? resolve(port) : reject(listenError("grpc", address, error)),
    );
  });
}

function close(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), timeoutMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
