import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { type JournalFrame, type JournalWriter, openJournalReader, openJournalWriter } from "@runledger/storage";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeAcceptedSpans } from "../otlp/accepted-spans.ts";
import { encodeTraces } from "../otlp/decode.ts";
import root from "../otlp/generated/otlp.js";
import { createGrpcReceiver } from "./grpc-receiver.ts";
import { createHttpReceiver, type Receiver } from "./http-receiver.ts";
import { createIntake, type Intake, type IntakeSettings } from "./intake.ts";

const { ExportTraceServiceResponse } = root.opentelemetry.proto.collector.trace.v1;
const { Status } = root.google.rpc;
const TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

let dir: string;
let journal: JournalWriter;
let registry: Registry;
let intake: Intake;
let http: Receiver;
let grpc: Receiver;
let client: Client;
let fatal: unknown[];

async function start(settings: IntakeSettings = {}, appendWith = (writer: JournalWriter) => writer): Promise<void> {
  registry = new Registry();
  fatal = [];
  intake = createIntake(
    {
      journal: appendWith(journal),
      registry,
      nowUnixNano: () => 1_700_000_000_000_000_000n,
      onFatal: (error) => fatal.push(error),
      warn: (message, details) => {
        throw new Error(message, { cause: details });
      },
    },
    settings,
  );
  const receiver = { host: "127.0.0.1", port: 0, tenant: "default", closeTimeoutMs: 500, requestTimeoutMs: 1_000 };
  http = await createHttpReceiver(intake, receiver);
  grpc = await createGrpcReceiver(intake, receiver);
  client = new Client(`127.0.0.1:${grpc.port}`, credentials.createInsecure());
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "receive-"));
  journal = await openJournalWriter(dir, { followers: [], warn: () => undefined });
  await start();
});
afterEach(async () => {
  client.close();
  await Promise.all([http.close(), grpc.close()]);
  await journal.close();
  await rm(dir, { recursive: true });
});

function span(more: object = {}): object {
  return {
    traceId: Buffer.alloc(16, 1),
    spanId: Buffer.alloc(8, 2),
    name: "chat",
    startTimeUnixNano: 1_700_000_000_000,
    endTimeUnixNano: 1_700_000_001_000,
    ...more,
  };
}

function requestOf(...spans: object[]): Buffer {
  return Buffer.from(encodeTraces({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
}

async function post(body: BodyInit | Buffer, headers: Record<string, string> = { "content-type": "application/x-protobuf" }, path = "/v1/traces") {
  return fetch(`http://127.0.0.1:${http.port}${path}`, { method: "POST", body: body as BodyInit, headers });
}

function call(body: Buffer, path = TRACES): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, (bytes: Buffer) => bytes, (bytes: Buffer) => bytes, body, new Metadata(), {}, (error, answer) =>
      error === null && answer ? resolve(answer) : reject(error),
    );
  });
}

async function journalled(): Promise<JournalFrame[]> {
  const reader = openJournalReader(dir);
  await expect.poll(async () => (await reader.read(1, 1e9)).length).toBe(journal.stats().lastSeq);
  const frames = await reader.read(1, 1e9);
  await reader.close();
  return frames;
}

async function counted(name: string, labels: Record<string, string> = {}): Promise<number> {
  const metric = await registry.getSingleMetric(name)?.get();
  const found = metric?.values.find(({ labels: have }) => Object.entries(labels).every(([key, value]) => have[key as never] === value));
  return found?.value ?? 0;
}

describe("a good request", () => {
  test("over gRPC is journalled as it came before it is answered", async () => {
    const body = requestOf(span());
    expect((await call(body)).length).toBe(0);
    const [frame] = await journalled();
    expect(frame).toMatchObject({ seq: 1, signal: "traces", format: "protobuf", encoding: "identity", receivedUnixNano: 1_700_000_000_000_000_000n });
    expect(Buffer.from(frame?.body ?? [])).toEqual(body);
    expect(await counted("runledger_otlp_requests_total", { transport: "grpc", code: "ok" })).toBe(1);
  });

  test("over HTTP in protobuf is answered with an empty ExportTraceServiceResponse", async () => {
    const answer = await post(requestOf(span()));
    expect([answer.status, answer.headers.get("content-type"), (await answer.arrayBuffer()).byteLength]).toEqual([200, "application/x-protobuf", 0]);
    expect(await journalled()).toHaveLength(1);
  });

  test("over HTTP in JSON is answered in JSON, under any path that ends in /v1/traces", async () => {
    const json = {
      resourceSpans: [
        { scopeSpans: [{ spans: [{ traceId: "01".repeat(16), spanId: "02".repeat(8), startTimeUnixNano: "1700000000000000001", endTimeUnixNano: "1700000000000000002" }] }] },
      ],
    };
    const answer = await post(JSON.stringify(json), { "content-type": "application/json; charset=utf-8" }, "/otlp/v1/traces?x=1");
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
    const [frame] = await journalled();
    const [accepted] = frame ? decodeAcceptedSpans(frame) : [];
    expect(accepted?.span.startTimeUnixNano).toBe(1_700_000_000_000_000_001n);
  });

  test.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("packed with %s is journalled packed and read back", async (encoding, pack) => {
    const answer = await post(pack(requestOf(span({ name: "x".repeat(100_000) }))), { "content-type": "application/x-protobuf", "content-encoding": encoding });
    expect(answer.status).toBe(200);
    const [frame] = await journalled();
    expect(frame?.encoding).toBe(encoding);
    expect(frame ? decodeAcceptedSpans(frame)[0]?.span.name.length : 0).toBe(100_000);
  });

  test("without spans is answered and not journalled", async () => {
    expect((await post("")).status).toBe(200);
    expect((await call(Buffer.alloc(0))).length).toBe(0);
    expect(journal.stats().lastSeq).toBe(0);
  });
});
