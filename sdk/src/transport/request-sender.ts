import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { Trust } from "../trust.ts";
import { SDK_VERSION } from "../version.ts";
import { outcomeOf, type SendOutcome } from "./outcome.ts";
import { readableSpan, type SpanMessage } from "./record-span.ts";
import { spanOrigin } from "./span-origin.ts";

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/** A batch is below gRPC's usual 4 MiB but for one huge record. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Where requests go and what they say of this process. Data alone: it crosses to another thread. */
export interface SendSettings {
  endpoint: string;
  apiKey: string | undefined;
  trust: Trust;
  serviceName: string;
  pid: number;
}

/** Records, or the bytes of an ExportTraceServiceRequest. */
export interface SendRequest {
  /** Another number is another connection: gRPC's own reconnecting backs off up to two minutes. */
  connection: number;
  content: readonly SpanMessage[] | Uint8Array;
  timeoutMs: number;
}

export interface SendResult {
  outcome: SendOutcome;
  /** What went wrong, or what the collector says of records it rejected. */
  message?: string;
  /** Records that the collector took the request without. */
  rejected: number;
}

export interface RequestSender {
  /** Never rejects. */
  send(request: SendRequest): Promise<SendResult>;
  close(): void;
}

function sslCredentials({ ca, cert, key }: Trust): ChannelCredentials {
  const bytes = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(ca === undefined ? null : Buffer.from(ca.join("\n")), bytes(key), bytes(cert));
}

/** OTLP/gRPC: serializes and sends. Runs in a thread beside the agent's. */
export function createRequestSender({ endpoint, apiKey, trust, serviceName, pid }: SendSettings): RequestSender {
  const url = new URL(endpoint);
  const channel = url.protocol === "https:" ? sslCredentials(trust) : credentials.createInsecure();
  const metadata = new Metadata();
  if (apiKey !== undefined) metadata.set("authorization", `Bearer ${apiKey}`);
  const origin = spanOrigin(serviceName, pid);
  let open: { connection: number; client: Client } | undefined;

  function clientOf(connection: number): Client {
    if (open?.connection === connection) return open.client;
    open?.client.close();
    const client = new Client(url.host, channel, {
      "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
      // Clients with equal options share a socket, and its back-off after a failure.
      "grpc.primary_user_agent": `runledger-sdk/${SDK_VERSION} (connection ${connection})`,
    });
    open = { connection, client };
    return client;
  }
  function bytesOf(content: SendRequest["content"]): Uint8Array {
    if (content instanceof Uint8Array) return content;
    const bytes = ProtobufTraceSerializer.serializeRequest(content.map((one) => readableSpan(one, origin)));
    if (bytes === undefined) throw new Error("the records could not be serialized");
    return bytes;
  }
  return {
    async send({ connection, content, timeoutMs }) {
      try {
        return await call(clientOf(connection), metadata, bytesOf(content), timeoutMs);
      } catch (error) {
        // Of gRPC nothing throws: a record that can't be serialized is to blame.
        return { outcome: "split", message: String(error), rejected: 0 };
      }
    },
    close: () => open?.client.close(),
  };
}

function call(client: Client, metadata: Metadata, request: Uint8Array, timeoutMs: number): Promise<SendResult> {
  return new Promise((resolve) => {
    const settle = (error: ServiceError | null, answer?: Buffer) =>
      resolve(
        error === null
          ? { outcome: "delivered", ...rejectedOf(answer ?? Buffer.alloc(0)) }
          : { outcome: outcomeOf(error), message: error.message, rejected: 0 },
      );
    const bytes = (value: Buffer) => value;
    const deadline = Date.now() + timeoutMs;
    client.makeUnaryRequest(EXPORT, bytes, bytes, Buffer.from(request), metadata, { deadline }, settle);
  });
}

function rejectedOf(answer: Buffer): { rejected: number; message?: string } {
  const partial = ProtobufTraceSerializer.deserializeResponse(answer).partialSuccess;
  const rejected = Number(partial?.rejectedSpans ?? 0);
  return { rejected, ...(rejected > 0 ? { message: partial?.errorMessage || "rejected" } : {}) };
}
