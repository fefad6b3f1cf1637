import { gzipSync, zstdCompressSync } from "node:zlib";
import { StorageError } from "@runledger/storage";
import { afterEach, describe, expect, test } from "vitest";
import { decodeAcceptedLogs, decodeAcceptedMetrics } from "../otlp/accepted-items.ts";
import { encodeLogs, encodeMetrics } from "../otlp/decode.ts";
import root from "../otlp/generated/otlp.js";
import { JSON_TYPE, LOGS, METRICS, nanos, PROTOBUF, type Receivers, startReceivers } from "./receivers.fixture.ts";

const { ExportLogsServiceResponse } = root.opentelemetry.proto.collector.logs.v1;
const { ExportMetricsServiceResponse } = root.opentelemetry.proto.collector.metrics.v1;

let receivers: Receivers;
afterEach(() => receivers.close());

const TIME = 1_700_000_000_000_000_000n;
const traceId = Buffer.alloc(16, 1);
const good = { traceId, spanId: Buffer.alloc(8, 2), timeUnixNano: nanos(TIME), body: { stringValue: "good" } };
const stray = { timeUnixNano: nanos(TIME), body: { stringValue: "stray" } };
const logs = (...logRecords: object[]) => Buffer.from(encodeLogs({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
const logsJson = (...logRecords: object[]) => JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
const point = { timeUnixNano: nanos(TIME), asInt: nanos(7n) };
const gauge = (name: string, ...dataPoints: object[]) => ({ name, gauge: { dataPoints } });
const metrics = (...all: object[]) =>
  Buffer.from(encodeMetrics({ resourceMetrics: [{ scopeMetrics: [{ metrics: all }] }] }));

const acceptedLogs = async () => {
  const [frame] = await receivers.frames();
  return (frame ? decodeAcceptedLogs(frame) : []).flatMap(({ items }) => items.map(({ body }) => body?.stringValue));
};

describe("logs", () => {
  test("over gRPC are journalled, and the sender is told which were not taken", async () => {
    receivers = await startReceivers();
    const body = logs(good, stray, { ...good, traceId: Buffer.alloc(5, 1) });
    const answer = ExportLogsServiceResponse.decode(await receivers.call(body, LOGS));
    expect(Number(answer.partialSuccess?.rejectedLogRecords)).toBe(2);
    expect(answer.partialSuccess?.errorMessage).toMatch(/1 rejected \(not_of_a_run\).*1 rejected \(trace_id\)/);
    expect(await receivers.frames()).toMatchObject([{ signal: "logs", format: "protobuf", encoding: "identity" }]);
    expect(await acceptedLogs()).toEqual(["good"]);
    expect(await receivers.counted("runledger_otlp_log_records_received_total")).toBe(3);
    expect(await receivers.counted("runledger_otlp_log_records_rejected_total", { reason: "trace_id" })).toBe(1);
  });

  test.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
    ["identity", (body: Buffer) => body],
  ] as const)("over HTTP packed with %s are taken, in both formats and at any path's end", async (encoding, pack) => {
    receivers = await startReceivers();
    const headers = encoding === "identity" ? {} : { "content-encoding": encoding };
    const json = logsJson({ traceId: "01".repeat(16), timeUnixNano: String(TIME), body: { stringValue: "good" } });
    const bodies = [
      [pack(logs(good)), PROTOBUF, "/v1/logs"],
      [pack(Buffer.from(json)), JSON_TYPE, "/api/public/otel/v1/logs?x=1"],
    ] as const;
    for (const [body, type, path] of bodies) {
      const answer = await receivers.post(body, { ...type, ...headers }, path);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, type["content-type"]]);
    }
    expect((await receivers.frames()).map(({ signal, format }) => [signal, format])).toEqual([
      ["logs", "protobuf"],
      ["logs", "json"],
    ]);
    expect(await acceptedLogs()).toEqual(["good"]);
  });

  test("of which none is taken are answered with success, the number as text in JSON, and not journalled", async () => {
    receivers = await startReceivers();
    const answer = await receivers.post(logsJson({ body: { stringValue: "x" } }, {}), JSON_TYPE, "/v1/logs");
    expect([answer.status, await answer.json()]).toMatchObject([200, { partialSuccess: { rejectedLogRecords: "2" } }]);
    expect(receivers.journal.stats().lastSeq).toBe(0);
  });

  test("of which one can't be decoded do not cost their neighbours", async () => {
    receivers = await startReceivers();
    const body = logs({ ...good, body: { stringValue: "broken" } }, good);
    body[body.indexOf("broken")] = 0xff;
    const answer = ExportLogsServiceResponse.decode(await receivers.call(body, LOGS));
    expect(answer.partialSuccess?.errorMessage).toContain("not valid UTF-8");
    expect(await acceptedLogs()).toEqual(["good"]);
  });

  test("are refused as a whole when their bytes are broken, or the journal is full", async () => {
    receivers = await startReceivers({}, () => () => Promise.reject(new StorageError("full", "it is full")));
    expect((await receivers.post(Buffer.from([10, 200]), PROTOBUF, "/v1/logs")).status).toBe(400);
    expect((await receivers.post("{", JSON_TYPE, "/v1/metrics")).status).toBe(400);
    const full = await receivers.post(logs(good), PROTOBUF, "/v1/logs");
    expect([full.status, full.headers.get("retry-after")]).toEqual([503, "5"]);
  });
});

describe("metrics", () => {
  test("over gRPC are journalled, and the data points counted that were not taken", async () => {
    receivers = await startReceivers();
    const body = metrics(gauge("gen_ai.x", point), gauge("http.y", point, point), gauge("gen_ai.z", {}));
    const answer = ExportMetricsServiceResponse.decode(await receivers.call(body, METRICS));
    expect(Number(answer.partialSuccess?.rejectedDataPoints)).toBe(3);
    expect(answer.partialSuccess?.errorMessage).toMatch(/2 rejected \(not_gen_ai\).*1 rejected \(time\)/);
    const [frame] = await receivers.frames();
    expect(frame?.signal).toBe("metrics");
    const accepted = (frame ? decodeAcceptedMetrics(frame) : []).flatMap(({ items }) => items);
    expect(accepted.map(({ name }) => name)).toEqual(["gen_ai.x"]);
    expect(await receivers.counted("runledger_otlp_data_points_received_total")).toBe(4);
  });

  test("over HTTP are taken in both formats", async () => {
    receivers = await startReceivers();
    expect((await receivers.post(metrics(gauge("gen_ai.x", point)), PROTOBUF, "/a/v1/metrics")).status).toBe(200);
    const dataPoints = [{ timeUnixNano: String(TIME), asInt: "7" }];
    const json = JSON.stringify({
      resourceMetrics: [{ scopeMetrics: [{ metrics: [gauge("gen_ai.x", ...dataPoints), gauge("y", ...dataPoints)] }] }],
    });
    const answer = await receivers.post(json, JSON_TYPE, "/v1/metrics");
    expect(await answer.json()).toMatchObject({ partialSuccess: { rejectedDataPoints: "1" } });
    expect(await receivers.frames()).toHaveLength(2);
  });
});
