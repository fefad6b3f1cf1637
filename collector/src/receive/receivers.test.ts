import { connect } from "node:net";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { StorageError } from "@runledger/storage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeAcceptedSpans } from "../otlp/accepted-spans.ts";
import root from "../otlp/generated/otlp.js";
import { JSON_TYPE, PROTOBUF, RECEIVED, type Receivers, requestOf, span, startReceivers } from "./receivers.fixture.ts";

const { ExportTraceServiceResponse } = root.opentelemetry.proto.collector.trace.v1;
const { RetryInfo, Status } = root.google.rpc;

let receivers: Receivers;
beforeEach(async () => {
  receivers = await startReceivers();
});
afterEach(() => receivers.close());

async function restart(...options: Parameters<typeof startReceivers>): Promise<void> {
  await receivers.close();
  receivers = await startReceivers(...options);
}

describe("a good request", () => {
  test("over gRPC is journalled as it came before it is answered", async () => {
    const body = requestOf(span());
    expect((await receivers.call(body)).length).toBe(0);
    const [frame] = await receivers.frames();
    expect(frame).toMatchObject({
      seq: 1,
      signal: "traces",
      format: "protobuf",
      encoding: "identity",
      receivedUnixNano: RECEIVED,
    });
    expect(Buffer.from(frame?.body ?? [])).toEqual(body);
    expect(await receivers.counted("runledger_otlp_requests_total", { transport: "grpc", code: "ok" })).toBe(1);
  });

  test("over HTTP in protobuf is answered with an empty ExportTraceServiceResponse", async () => {
    const answer = await receivers.post(requestOf(span()));
    expect([answer.status, answer.headers.get("content-type"), (await answer.arrayBuffer()).byteLength]).toEqual([
      200,
      "application/x-protobuf",
      0,
    ]);
    expect(await receivers.frames()).toHaveLength(1);
  });

  test("over HTTP in JSON is answered in JSON, under any path that ends in /v1/traces", async () => {
    const good = {
      traceId: "01".repeat(16),
      spanId: "02".repeat(8),
      startTimeUnixNano: "1700000000000000001",
      endTimeUnixNano: "1700000000000000002",
    };
    const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [good] }] }] });
    const answer = await receivers.post(
      json,
      { "content-type": "application/json; charset=utf-8" },
      "/otlp/v1/traces?x=1",
    );
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
    const [frame] = await receivers.frames();
    expect(frame && decodeAcceptedSpans(frame)[0]?.span.startTimeUnixNano).toBe(1_700_000_000_000_000_001n);
  });

  test.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("packed with %s is journalled packed and read back", async (encoding, pack) => {
    const body = pack(requestOf(span({ name: "x".repeat(100_000) })));
    expect((await receivers.post(body, { ...PROTOBUF, "content-encoding": encoding })).status).toBe(200);
    const [frame] = await receivers.frames();
    expect(frame?.encoding).toBe(encoding);
    expect(frame && decodeAcceptedSpans(frame)[0]?.span.name.length).toBe(100_000);
  });

  test("of several gzip members, whose end tells too small a size, is taken", async () => {
    const body = requestOf(span({ name: "y".repeat(10_000) }));
    const packed = Buffer.concat([gzipSync(body.subarray(0, 9_000)), gzipSync(body.subarray(9_000))]);
    expect((await receivers.post(packed, { ...PROTOBUF, "content-encoding": "gzip" })).status).toBe(200);
  });

  test("without spans is answered and not journalled", async () => {
    expect((await receivers.post("")).status).toBe(200);
    expect((await receivers.call(Buffer.alloc(0))).length).toBe(0);
    expect(receivers.journal.stats().lastSeq).toBe(0);
  });
});

describe("a request with good and bad spans", () => {
  const mixed = () => requestOf(span(), span({ traceId: Buffer.alloc(16) }), span({ spanId: Buffer.alloc(7, 1) }));

  test("over gRPC is a partial success that names the reasons, and the integrator takes the good one only", async () => {
    const answer = ExportTraceServiceResponse.decode(await receivers.call(mixed()));
    expect(answer).toMatchObject({
      partialSuccess: { errorMessage: expect.stringContaining("1 rejected (trace_id)") },
    });
    const [frame] = await receivers.frames();
    expect(frame && decodeAcceptedSpans(frame)).toHaveLength(1);
    expect(await receivers.counted("runledger_otlp_spans_received_total")).toBe(3);
    expect(await receivers.counted("runledger_otlp_spans_rejected_total", { reason: "span_id" })).toBe(1);
  });

  test.each([
    ["protobuf", PROTOBUF],
    ["json", JSON_TYPE],
  ])(
    "that can't be decoded, in %s, is a partial success too, and the integrator takes the good one only",
    async (format, type) => {
      const good = { traceId: "01".repeat(16), spanId: "02".repeat(8), startTimeUnixNano: "1700000000000000001" };
      const spans = [
        { ...good, traceId: "not hex" },
        { ...good, name: "good", endTimeUnixNano: "1700000000000000002" },
      ];
      const protobuf = requestOf(span({ name: "broken" }), span({ name: "good" }));
      protobuf[protobuf.indexOf("broken")] = 0xff;
      const body = format === "json" ? JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }) : protobuf;
      const answer = await receivers.post(body, type);
      const reason = format === "json" ? "traceId is not hexadecimal" : "not valid UTF-8";
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining(reason)]);
      const [frame] = await receivers.frames();
      expect((frame ? decodeAcceptedSpans(frame) : []).map((accepted) => accepted.span.name)).toEqual(["good"]);
      expect(await receivers.counted("runledger_otlp_spans_rejected_total", { reason: "undecodable" })).toBe(1);
    },
  );

  test("over HTTP in JSON tells the number as text", async () => {
    const json = JSON.stringify({
      resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: "00" }, { traceId: "01" }] }] }],
    });
    const answer = await receivers.post(json, JSON_TYPE);
    expect([answer.status, await answer.json()]).toMatchObject([200, { partialSuccess: { rejectedSpans: "2" } }]);
    expect(receivers.journal.stats().lastSeq).toBe(0);
  });
});

describe("when the journal can't take more", () => {
  const refuseWith = (code: "full" | "unavailable") => () => () =>
    Promise.reject(new StorageError(code, `it is ${code}`));

  test("a full one is a retryable refusal with a time to wait", async () => {
    await restart({}, refuseWith("full"));
    const http = await receivers.post(requestOf(span()));
    expect([http.status, http.headers.get("retry-after")]).toEqual([503, "5"]);
    const told = Status.decode(Buffer.from(await http.arrayBuffer()));
    expect(told).toMatchObject({ code: status.RESOURCE_EXHAUSTED, message: "it is full" });
    const refusal = await receivers.call(requestOf(span())).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: "it is full" });
    const details = Status.decode(
      (refusal as { metadata: { get(name: string): Buffer[] } }).metadata.get("grpc-status-details-bin")[0] ??
        Buffer.alloc(0),
    );
    expect(RetryInfo.decode(details.details[0]?.value ?? Buffer.alloc(0)).retryDelay).toBeTruthy();
    expect(receivers.fatal).toHaveLength(0);
  });

  test("a dead one is unavailable, and the process is told once to end", async () => {
    await restart({}, refuseWith("unavailable"));
    expect((await receivers.post(requestOf(span()))).status).toBe(503);
    await expect(receivers.call(requestOf(span()))).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(receivers.fatal).toHaveLength(1);
  });

  test("requests beyond the bytes in flight are refused with a time to wait, and taken again later", async () => {
    const held: (() => void)[] = [];
    const holdBack: Parameters<typeof startReceivers>[1] = (writer) => async (entry) => {
      await new Promise<void>((resolve) => held.push(resolve));
      return writer.append(entry);
    };
    await restart({ maxInFlightBytes: 500_000 }, holdBack);
    const big = requestOf(span({ name: "n".repeat(200_000) }));
    const first = receivers.post(big);
    await expect.poll(() => held.length).toBe(1);
    expect([(await receivers.post(big)).status, await receivers.call(big).catch((error) => error.code)]).toEqual([
      503,
      status.RESOURCE_EXHAUSTED,
    ]);
    held[0]?.();
    expect((await first).status).toBe(200);
    const again = receivers.post(big);
    await expect.poll(() => held.length).toBe(2);
    held[1]?.();
    expect((await again).status).toBe(200);
    expect(await receivers.counted("runledger_otlp_in_flight_bytes")).toBe(0);
  });

  test("while closing, a connection that is still open is told to come again", async () => {
    let finish = () => {};
    await restart({}, (writer) => async (entry) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return writer.append(entry);
    });
    const body = requestOf(span());
    const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    const socket = connect(receivers.http.port, "127.0.0.1");
    let told = "";
    socket.on("data", (chunk) => {
      told += chunk.toString();
    });
    // A request whose headers are not whole yet keeps its connection open.
    socket.write(head);
    const atWork = receivers.post(body);
    await expect.poll(() => finish.name).not.toBe("finish");
    const closed = receivers.http.close();
    socket.write("Content-Length: 2\r\n\r\n{}");
    await expect
      .poll(() => told)
      .toMatch(/^HTTP\/1\.1 503 .*retry-after: 5.*"code":14,"message":"the collector is shutting down/s);
    finish();
    expect((await atWork).status).toBe(200);
    await closed;
  });

  test("closing answers what is at work", async () => {
    let finish = () => {};
    await restart({}, (writer) => async (entry) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return writer.append(entry);
    });
    const answer = receivers.post(requestOf(span()));
    await expect.poll(() => finish.name).not.toBe("finish");
    const closed = receivers.http.close();
    finish();
    expect((await answer).status).toBe(200);
    await closed;
    await expect(receivers.post(requestOf(span()))).rejects.toThrow();
  });
});
