import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { decodeTraces } from "@runledger/collector";

/** The measure: grpc-js and node:http, and nothing but the decoding of the same requests with the collector's own decoder. */
export async function startBareServer(): Promise<{ grpc: number; http: number }> {
  const server = new Server({
    "grpc-node.flow_control_window": 16 * 1024 * 1024,
    "grpc.max_receive_message_length": -1,
  });
  const asBytes = (bytes: Buffer) => bytes;
  server.addService(
    {
      Export: {
        path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        requestStream: false,
        responseStream: false,
        requestSerialize: asBytes,
        requestDeserialize: (bytes: Buffer) => decodeTraces(bytes, "protobuf"),
        responseSerialize: asBytes,
        responseDeserialize: asBytes,
      },
    },
    { Export: (_call: unknown, respond: (error: null, answer: Buffer) => void) => respond(null, Buffer.alloc(0)) },
  );
  const grpc = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      decodeTraces(Buffer.concat(chunks), "protobuf");
      response.end();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return { grpc, http: (http.address() as AddressInfo).port };
}
