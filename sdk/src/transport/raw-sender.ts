import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { Failures } from "../failures.ts";
import { outcomeOf, type SendOutcome } from "./outcome.ts";

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/** A spooled batch is below gRPC's usual 4 MiB but for one huge record. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export interface RawSender {
  /** Sends bytes of an ExportTraceServiceRequest. Never rejects. */
  send(request: Uint8Array, timeoutMs: number): Promise<{ outcome: SendOutcome; error?: unknown }>;
}

/** OTLP/gRPC for requests that are bytes already: what a spool holds. A connection for each, since they are rare. */
export function createRawSender(endpoint: string, apiKey: string | undefined, failures: Failures): RawSender {
  return {
    send: (request, timeoutMs) =>
      new Promise((resolve) => {
        const url = new URL(endpoint);
        const channel = url.protocol === "https:" ? credentials.createSsl() : credentials.createInsecure();
        const client = new Client(url.host, channel, { "grpc.max_send_message_length": MAX_MESSAGE_BYTES });
        const metadata = new Metadata();
        if (apiKey !== undefined) metadata.set("authorization", `Bearer ${apiKey}`);
        const settle = (error: ServiceError | null, answer?: Buffer) => {
          client.close();
          if (error !== null) return resolve({ outcome: outcomeOf(error), error });
          reportRejected(answer ?? Buffer.alloc(0), failures);
          resolve({ outcome: "delivered" });
        };
        const bytes = (value: Buffer) => value;
        const deadline = Date.now() + timeoutMs;
        client.makeUnaryRequest(EXPORT, bytes, bytes, Buffer.from(request), metadata, { deadline }, settle);
      }),
  };
}

function reportRejected(answer: Buffer, failures: Failures): void {
  const partial = ProtobufTraceSerializer.deserializeResponse(answer).partialSuccess;
  const count = Number(partial?.rejectedSpans ?? 0);
  if (count > 0) failures.report("rejected", new Error(partial?.errorMessage ?? "rejected"), count);
}
