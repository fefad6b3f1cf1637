import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import fc from "fast-check";
import { eventually, getJson, type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, tracesRequest } from "../support/spans.ts";
import { type Corpus, createProtobufEncoder, SIGNALS, type Signal } from "./corpus.ts";
import { type ByteMutation, byteMutation, type Mutation, mutated, mutatedBytes, mutationOf } from "./mutation.ts";

export interface LiveSettings {
  requests: number;
  seed: number;
}

interface Attack {
  signal: Signal;
  transport: "http json" | "http protobuf" | "grpc";
  request: string;
  mutations: Mutation[];
  byteMutations: ByteMutation[];
  headers: Record<string, string>;
}

const AT_ONCE = 16;
const GOOD_EVERY = 500;
const SERVICES: Record<Signal, string> = {
  traces: "trace.v1.TraceService",
  logs: "logs.v1.LogsService",
  metrics: "metrics.v1.MetricsService",
};
/** What OTLP lets a server answer, and what HTTP does to a request that is none. */
const HTTP_STATUSES = new Set([200, 400, 413, 415, 429, 503]);
/** OK, CANCELLED, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL (the library's, for broken compression), UNAVAILABLE. */
const GRPC_CODES = new Set([0, 1, 3, 8, 12, 13, 14]);

/**
 * Sends mutated requests to a running product, good ones between them. Every one gets an answer, the process goes on, what is good comes through,
 * and the log verifies in the end. @throws Error that says what did not hold.
 */
export async function fuzzLive(corpus: Corpus, { requests, seed }: LiveSettings): Promise<string> {
  const home = await temporaryDir("fuzz-live");
  const product = await startProduct(home.dir);
  const senders = createSenders(product);
  const encode = createProtobufEncoder();
  const answers = new Map<string, number>();
  const good: string[] = [];
  try {
    const attacks = fc.sample(attackOn(corpus), { numRuns: requests, seed });
    for (let at = 0; at < attacks.length; at += AT_ONCE) {
      const some = attacks.slice(at, at + AT_ONCE);
      for (const answer of await Promise.all(some.map((attack) => send(senders, encode, attack))))
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      if (at % GOOD_EVERY < AT_ONCE) good.push(await sendGood(product));
      if (product.process.exitCode !== null) throw new Error(`the process ended:\n${product.log()}`);
    }
    good.push(await sendGood(product));
    for (const traceId of good)
      await eventually(
        () => fetch(`${product.apiUrl}/v1/runs/${traceId}`),
        (answer) => answer.status === 200,
        120_000,
      );
    const ready = await fetch(`${product.apiUrl}/readyz`);
    if (ready.status !== 200) throw new Error(`not ready: ${await ready.text()}`);
    await getJson(`${product.apiUrl}/v1/runs?limit=100`);
    await checkLog(product);
  } catch (error) {
    throw new Error(`a running product under fuzz, its log:\n${product.log()}`, { cause: error });
  } finally {
    senders.close();
    await product.stop();
    await home.remove();
  }
  const told = [...answers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([answer, times]) => `${times} × ${answer}`);
  return `${requests} requests to a running product, ${good.length} good ones between them: ${told.join(", ")}`;
}

function attackOn(corpus: Corpus): fc.Arbitrary<Attack> {
  const headers = fc.oneof(
    { weight: 20, arbitrary: fc.constant<Record<string, string>>({}) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Record<string, string>>(
        { "content-encoding": "gzip" },
        { "content-encoding": "zstd" },
        { "content-encoding": "br" },
        { "content-type": "text/plain" },
        { "content-type": "" },
        { "content-type": "application/json; charset=utf-16" },
        { authorization: "Basic ::" },
        { "grpc-encoding": "gzip" },
        { "grpc-timeout": "1n" },
      ),
    },
  );
  return fc.constantFrom(...SIGNALS).chain((signal) =>
    fc.record({
      signal: fc.constant(signal),
      transport: fc.constantFrom("http json", "http protobuf", "grpc"),
      request: fc.constantFrom(...corpus.requests[signal].map((request) => JSON.stringify(request))),
      mutations: fc.array(mutationOf(corpus), { maxLength: 4 }),
      byteMutations: fc.oneof(fc.constant<ByteMutation[]>([]), fc.array(byteMutation, { maxLength: 3 })),
      headers,
    }),
  );
}

interface Senders {
  http(signal: Signal, body: Buffer, contentType: string, headers: Record<string, string>): Promise<number>;
  grpc(signal: Signal, body: Buffer, headers: Record<string, string>): Promise<number>;
  close(): void;
}

function createSenders(product: Product): Senders {
  const client = new Client(new URL(product.grpcUrl).host, credentials.createInsecure());
  const bytes = (value: Buffer) => value;
  return {
    async http(signal, body, contentType, headers) {
      const answer = await fetch(`${product.httpUrl}/v1/${signal}`, {
        method: "POST",
        headers: { "content-type": contentType, ...headers },
        body: new Uint8Array(body),
      });
      await answer.arrayBuffer();
      return answer.status;
    },
    grpc(signal, body, headers) {
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(headers)) if (!key.startsWith("content")) metadata.set(key, value);
      const path = `/opentelemetry.proto.collector.${SERVICES[signal]}/Export`;
      return new Promise((resolve) => {
        client.makeUnaryRequest(path, bytes, bytes, body, metadata, { deadline: Date.now() + 30_000 }, (error) =>
          resolve((error as ServiceError | null)?.code ?? 0),
        );
      });
    },
    close: () => client.close(),
  };
}

/** The answer in words. @throws Error for one that no sender can make sense of. */
async function send(
  senders: Senders,
  encode: ReturnType<typeof createProtobufEncoder>,
  { signal, transport, request, mutations, byteMutations, headers }: Attack,
): Promise<string> {
  const json = mutated(request, mutations);
  const asJson = Buffer.from(JSON.stringify(json));
  if (transport === "http json") {
    const status = await senders.http(signal, mutatedBytes(asJson, byteMutations), "application/json", headers);
    if (!HTTP_STATUSES.has(status)) throw new Error(`HTTP ${status} for ${asJson.toString().slice(0, 2_000)}`);
    return `HTTP ${status}`;
  }
  const body = mutatedBytes(protobufOf(encode, signal, json, request), byteMutations);
  const isGrpc = transport === "grpc";
  const code = isGrpc
    ? await senders.grpc(signal, body, headers)
    : await senders.http(signal, body, "application/x-protobuf", headers);
  if (!(isGrpc ? GRPC_CODES : HTTP_STATUSES).has(code))
    throw new Error(`${transport} ${code} for ${body.toString("base64").slice(0, 2_000)}`);
  return `${isGrpc ? "gRPC" : "HTTP"} ${code}`;
}

function protobufOf(
  encode: ReturnType<typeof createProtobufEncoder>,
  signal: Signal,
  json: object,
  original: string,
): Buffer {
  try {
    return encode(signal, json);
  } catch {
    return encode(signal, JSON.parse(original)); // no room in protobuf for what was changed
  }
}

async function sendGood(product: Product): Promise<string> {
  const traceId = newTraceId();
  const answer = await fetch(`${product.httpUrl}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(tracesRequest([modelCall(traceId)])),
  });
  if (answer.status !== 200) throw new Error(`a good request got ${answer.status}: ${await answer.text()}`);
  return traceId;
}

async function checkLog(product: Product): Promise<void> {
  const { stdout } = await runledger(["verify", product.dataDir]);
  // Nobody was named whose key is trusted, so that is the one thing to be missed.
  if (!/^(VERIFIED|UNTRUSTED)/.test(stdout) || !stdout.includes("Nothing else is wrong"))
    throw new Error(`the log does not verify:\n${stdout}`);
}
