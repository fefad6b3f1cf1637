import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { type JournalFrame, type JournalWriter, openJournalReader, openJournalWriter } from "@runledger/storage";
import { Registry } from "prom-client";
import { encodeTraces } from "../otlp/decode.ts";
import type { Gate } from "./gate.ts";
import { createGrpcReceiver } from "./grpc-receiver.ts";
import { createHttpReceiver, type Receiver } from "./http-receiver.ts";
import { createIntake, type IntakeSettings } from "./intake.ts";

export const TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
export const LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
export const METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
export const PROTOBUF = { "content-type": "application/x-protobuf" };
export const JSON_TYPE = { "content-type": "application/json" };
export const RECEIVED = 1_700_000_000_000_000_000n;

/** What `authorization` says when Runledger itself sends. */
export const OWN = "own";
const gate: Gate = ({ authorization, tenant }) => ({
  tenant: tenant ?? "default",
  ...(authorization === OWN ? { own: true } : {}),
});

/** Both receivers on a real journal, and clients for them. */
export interface Receivers {
  journal: JournalWriter;
  http: Receiver;
  grpc: Receiver;
  fatal: unknown[];
  post(body: Buffer | string, headers?: Record<string, string>, path?: string): Promise<Response>;
  call(body: Buffer, path?: string, headers?: Record<string, string>): Promise<Buffer>;
  frames(): Promise<JournalFrame[]>;
  counted(name: string, labels?: Record<string, string>): Promise<number>;
  close(): Promise<void>;
}

export async function startReceivers(
  settings: IntakeSettings = {},
  append?: (writer: JournalWriter) => JournalWriter["append"],
): Promise<Receivers> {
  const dir = await mkdtemp(join(tmpdir(), "receive-"));
  const journal = await openJournalWriter(dir, { followers: [], warn: () => undefined });
  const registry = new Registry();
  const fatal: unknown[] = [];
  const intake = createIntake(
    {
      journal: {
        append: append?.(journal) ?? ((entry) => journal.append(entry)),
        stats: () => journal.stats(),
        close: () => journal.close(),
      },
      registry,
      nowUnixNano: () => RECEIVED,
      onFatal: (error) => fatal.push(error),
      warn: () => undefined,
    },
    settings,
  );
  const receiver = {
    host: "127.0.0.1",
    port: 0,
    gate,
    closeTimeoutMs: 500,
    requestTimeoutMs: 3_000,
  };
  const http = await createHttpReceiver(intake, receiver);
  const grpc = await createGrpcReceiver(intake, receiver);
  const client = new Client(`127.0.0.1:${grpc.port}`, credentials.createInsecure(), {
    "grpc.max_send_message_length": -1,
  });
  return {
    journal,
    http,
    grpc,
    fatal,
    post: (body, headers = PROTOBUF, path = "/v1/traces") =>
      fetch(`http://127.0.0.1:${http.port}${path}`, {
        method: "POST",
        body: typeof body === "string" ? body : new Uint8Array(body),
        headers,
      }),
    call: (body, path = TRACES, headers = {}) => unaryCall(client, path, body, headers),
    async frames() {
      const reader = openJournalReader(dir);
      const { lastSeq } = journal.stats();
      let frames: JournalFrame[] = [];
      // The marker that lets readers see the last group follows its answer.
      for (let tries = 0; frames.length < lastSeq && tries < 1_000; tries += 1)
        frames = await reader.read(1, Number.MAX_SAFE_INTEGER);
      await reader.close();
      return frames;
    },
    async counted(name, labels = {}) {
      const metric = await registry.getSingleMetric(name)?.get();
      const wanted = Object.entries(labels);
      const found = metric?.values.find((value) => {
        const have = new Map(Object.entries(value.labels));
        return wanted.every(([key, label]) => have.get(key) === label);
      });
      return found?.value ?? 0;
    },
    async close() {
      client.close();
      await Promise.all([http.close(), grpc.close()]);
      await journal.close();
      await rm(dir, { recursive: true });
    },
  };
}

export function unaryCall(
  client: Client,
  path: string,
  body: Buffer,
  headers: Record<string, string>,
): Promise<Buffer> {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  const asBytes = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asBytes, asBytes, body, metadata, {}, (error, answer) =>
      error === null && answer ? resolve(answer) : reject(error),
    );
  });
}

export function span(more: object = {}): object {
  return {
    traceId: Buffer.alloc(16, 1),
    spanId: Buffer.alloc(8, 2),
    name: "chat",
    startTimeUnixNano: nanos(1_700_000_000_000_000_000n),
    endTimeUnixNano: nanos(1_700_000_001_000_000_000n),
    ...more,
  };
}

export function requestOf(...spans: object[]): Buffer {
  return Buffer.from(encodeTraces({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
}

/** A 64-bit value as the encoder takes it. */
export function nanos(value: bigint): object {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: true };
}
