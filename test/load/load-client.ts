import { Agent, request } from "node:http";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { createSpanBatch } from "./spans.ts";

/**
 * `node load-client.ts grpc|http PORT SECONDS IN_FLIGHT SPANS [SPANS_PER_SECOND]`: sends batches as fast as they are answered, or at most at
 * the given rate, and prints what came of it as JSON.
 */
const [transport, port, seconds, inFlight, spans, rate] = process.argv.slice(2);
const batch = createSpanBatch(Number(spans), Date.now());
const send = transport === "grpc" ? grpcSender(Number(port)) : httpSender(Number(port), Number(inFlight));

const latenciesMs: number[] = [];
let errors = 0;
let turns = 0;
const startedMs = performance.now();
const endMs = startedMs + Number(seconds) * 1_000;
await Promise.all(
  Array.from({ length: Number(inFlight) }, async () => {
    while (performance.now() < endMs) {
      await turn();
      const sentMs = performance.now();
      try {
        await send(batch.next());
        latenciesMs.push(performance.now() - sentMs);
      } catch {
        errors += 1;
      }
    }
  }),
);
const elapsedSeconds = (performance.now() - startedMs) / 1_000;
latenciesMs.sort((a, b) => a - b);
const quantile = (q: number) => latenciesMs[Math.floor(latenciesMs.length * q)] ?? 0;
console.log(
  JSON.stringify({
    spans: latenciesMs.length * batch.spans,
    spansPerSecond: (latenciesMs.length * batch.spans) / elapsedSeconds,
    errors,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  }),
);
process.exit(0);

/** Waits until the rate allows another request. */
async function turn(): Promise<void> {
  if (rate === undefined) return;
  const dueMs = startedMs + (turns++ * batch.spans * 1_000) / Number(rate);
  const waitMs = dueMs - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

function grpcSender(toPort: number): (body: Buffer) => Promise<void> {
  const client = new Client(`127.0.0.1:${toPort}`, credentials.createInsecure(), {
    "grpc-node.flow_control_window": 16 * 1024 * 1024,
  });
  const asBytes = (bytes: Buffer) => bytes;
  const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  return (body) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, asBytes, asBytes, body, new Metadata(), {}, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
}

function httpSender(toPort: number, connections: number): (body: Buffer) => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const headers = { "content-type": "application/x-protobuf" };
  return (body) =>
    new Promise((resolve, reject) => {
      const options = { agent, port: toPort, host: "127.0.0.1", method: "POST", path: "/v1/traces" };
      request({ ...options, headers: { ...headers, "content-length": body.length } }, (response) => {
        response.resume();
        response.on("end", () =>
          response.statusCode === 200 ? resolve() : reject(new Error(String(response.statusCode))),
        );
      })
        .on("error", reject)
        .end(body);
    });
}
