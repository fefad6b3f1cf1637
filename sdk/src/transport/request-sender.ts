import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { type ConversionSettings, createConversion } from "../conversion/conversion.ts";
import { type Batch, bytesOf, type Conversion } from "../conversion/raw-record.ts";
import type { Trust } from "../trust.ts";
import { SDK_VERSION } from "../version.ts";
import type { DiskBatch } from "./backlog.ts";
import type { Converted } from "./connection.ts";
import { outcomeOf, type SendOutcome } from "./outcome.ts";
import { serializeApart } from "./serialize.ts";

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/** A batch is below gRPC's usual 4 MiB but for one huge record. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** What records are made of may be larger than they were before, packed answers above all. */
const REQUEST_BYTES = 3_000_000;

/** Where requests go and what they say of this process. Data alone: it crosses to another thread. */
export interface SendSettings {
  endpoint: string;
  apiKey: string | undefined;
  trust: Trust;
  conversion: ConversionSettings;
}

/** Records, or the bytes of an ExportTraceServiceRequest. */
export interface SendRequest {
  /** Another number is another connection: gRPC's own reconnecting backs off up to two minutes. */
  connection: number;
  content: Batch | Uint8Array;
  timeoutMs: number;
}

export interface SendResult {
  outcome: SendOutcome;
  /** What went wrong, or what the collector says of records it rejected. */
  message?: string;
  /** Records that the collector took the request without. */
  rejected: number;
  /** Of a batch that could be converted. */
  converted?: Converted;
}

export interface RequestSender {
  /** Never rejects. */
  send(request: SendRequest): Promise<SendResult>;
  /** For the disk. Rejects when it can't be serialized, or the thread is gone. */
  convert(batch: Batch): Promise<DiskBatch>;
  close(): void;
}

function sslCredentials({ ca, cert, key }: Trust): ChannelCredentials {
  const bytes = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(ca === undefined ? null : Buffer.from(ca.join("\n")), bytes(key), bytes(cert));
}

/** OTLP/gRPC: converts, serializes and sends. Runs in a thread beside the agent's. */
export function createRequestSender({ endpoint, apiKey, trust, conversion }: SendSettings): RequestSender {
  const url = new URL(endpoint);
  const channel = url.protocol === "https:" ? sslCredentials(trust) : credentials.createInsecure();
  const metadata = new Metadata();
  if (apiKey !== undefined) metadata.set("authorization", `Bearer ${apiKey}`);
  const convert = rememberLast(createConversion(conversion));
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
  async function sendAll(requests: Iterable<Uint8Array>, { connection, timeoutMs }: SendRequest): Promise<SendResult> {
    let last: SendResult = { outcome: "delivered", rejected: 0 };
    let rejected = 0;
    for (const request of requests) {
      last = await call(clientOf(connection), metadata, request, timeoutMs);
      rejected += last.rejected;
      if (last.outcome !== "delivered") break;
    }
    return { ...last, rejected };
  }
  return {
    async send(request) {
      const { content } = request;
      let converted: Converted | undefined;
      try {
        if (content instanceof Uint8Array) return await sendAll([content], request);
        const { spans, ...rest } = convert(content);
        converted = rest;
        return { ...(await sendAll(requestsOf(spans), request)), converted };
      } catch (error) {
        // Of gRPC nothing throws: a record that can't be serialized is to blame.
        return { outcome: "split", message: String(error), rejected: 0, ...(converted && { converted }) };
      }
    },
    async convert(batch) {
      const { spans, ...rest } = convert(batch);
      return { bytes: serializeApart(spans), ...rest };
    },
    close: () => open?.client.close(),
  };
}

/** A batch that is sent again is the very same, even if looking through it took too long the first time only. */
function rememberLast(convert: (batch: Batch) => Conversion): (batch: Batch) => Conversion {
  let last: { key: string; conversion: Conversion } | undefined;
  return (batch) => {
    const key = batch.records.map(({ context }) => context.spanId).join();
    if (last?.key !== key) last = { key, conversion: convert(batch) };
    return last.conversion;
  };
}

function* requestsOf(spans: readonly ReadableSpan[]): Generator<Uint8Array> {
  let part: ReadableSpan[] = [];
  let partBytes = 0;
  for (const span of spans) {
    const bytes = bytesOf(span);
    if (part.length > 0 && partBytes + bytes > REQUEST_BYTES) {
      yield serialize(part);
      [part, partBytes] = [[], 0];
    }
    part.push(span);
    partBytes += bytes;
  }
  yield serialize(part);
}

function serialize(spans: ReadableSpan[]): Uint8Array {
  const bytes = ProtobufTraceSerializer.serializeRequest(spans);
  if (bytes === undefined) throw new Error("the records could not be serialized");
  return bytes;
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
