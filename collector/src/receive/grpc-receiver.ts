import { isIPv6 } from "node:net";
import {
  type status as grpcStatus,
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { TENANT_HEADER, type TlsSettings } from "@runledger/contract";
import { OtlpError } from "../otlp/otlp.ts";
import { encodeAnswer, encodeRefusal } from "./answer.ts";
import type { Credentials, Gate } from "./gate.ts";
import { ACCEPT_ENCODING, encodingOf, passPackedMessages } from "./grpc-encoding.ts";
import {
  DEFAULT_CLOSE_TIMEOUT_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  type Receiver,
  type ReceiverSettings,
} from "./http-receiver.ts";
import type { Intake } from "./intake.ts";
import { listenError } from "./listen-error.ts";
import type { RefusalStatus } from "./status.ts";

/** Bytes that a sender may have on the way: the library's 64 KiB make large batches wait for acknowledgements. */
const FLOW_CONTROL_WINDOW_BYTES = 16 * 1024 * 1024;
/** Taken from the budget for a request whose size is not known yet. */
const UNKNOWN_SIZE_BYTES = 256 * 1024;
const COLLECTOR = "opentelemetry.proto.collector";
const SERVICES = [
  ["traces", "trace.v1.TraceService"],
  ["logs", "logs.v1.LogsService"],
  ["metrics", "metrics.v1.MetricsService"],
] as const;

type Handler = (body: Buffer, metadata: Metadata) => Promise<Buffer>;

/** OTLP/gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). */
export async function createGrpcReceiver(intake: Intake, settings: ReceiverSettings): Promise<Receiver> {
  const server = new Server({
    "grpc.max_receive_message_length": intake.maxBodyBytes,
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
    interceptors: [admission(intake, settings.gate, settings.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS)],
  });
  for (const [signal, service] of SERVICES) {
    addExport(server, intake, `${COLLECTOR}.${service}`, async (body, metadata) => {
      const sender = settings.gate(credentialsOf(metadata));
      const request = { ...sender, signal, format: "protobuf", encoding: encodingOf(metadata, body), body } as const;
      const unpacked = intake.budget.reserve();
      try {
        return encodeAnswer(await intake.take(request, "grpc", (bytes) => unpacked.resize(bytes)), "protobuf");
      } finally {
        unpacked.release();
      }
    });
  }
  // The library prints what it also throws: the message of ours is the one to read.
  setLogVerbosity(logVerbosity.NONE);
  const host = isIPv6(settings.host) ? `[${settings.host}]` : settings.host;
  const port = await bind(server, `${host}:${settings.port}`, credentialsFor(settings.tls ?? null));
  passPackedMessages(server);
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

/** Refuses requests before their bytes are read when memory is short, and ends those that don't come in whole in time. */
function admission(intake: Intake, gate: Gate, timeoutMs: number): ServerInterceptor {
  return (_method, call) => {
    const reservation = intake.budget.reserve();
    let answered = false;
    const refuse = (error: unknown) => {
      answered = true;
      call.sendStatus(grpcErrorOf(intake.refuse(error, "grpc")));
    };
    const timer = setTimeout(
      () => refuse(new OtlpError("timeout", `the request took longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, pass) {
            try {
              gate(credentialsOf(metadata));
              reservation.resize(UNKNOWN_SIZE_BYTES);
            } catch (error) {
              return refuse(error);
            }
            pass(metadata);
          },
          onReceiveMessage(message: Buffer, pass) {
            clearTimeout(timer);
            try {
              reservation.resize(message.byteLength);
            } catch (error) {
              return refuse(error);
            }
            pass(message);
          },
          // Called at the end of every call, answered or not.
          onCancel() {
            clearTimeout(timer);
            reservation.release();
            // The library ended it itself: too large, broken compression, or the sender went away.
            if (!answered) intake.countAborted("grpc");
          },
        });
      },
      sendMetadata(metadata, next) {
        metadata.set(ACCEPT_ENCODING.name, ACCEPT_ENCODING.value);
        next(metadata);
      },
      sendStatus(status, next) {
        answered = true;
        next(status);
      },
    });
  };
}

function credentialsOf(metadata: Metadata): Credentials {
  const first = (name: string) => metadata.get(name)[0]?.toString() ?? null;
  return { authorization: first("authorization"), tenant: first(TENANT_HEADER) };
}

/** A status with google.rpc.Status in its trailers: OTLP clients look there for RetryInfo. */
function grpcErrorOf(refusal: RefusalStatus): { code: grpcStatus; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", encodeRefusal(refusal, "protobuf"));
  return { code: refusal.grpcCode, details: refusal.message, metadata };
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
