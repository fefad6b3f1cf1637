import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { encodeTraces } from "../otlp/decode.ts";
import { JSON_TYPE, nanos, PROTOBUF, type Receivers, requestOf, span, startReceivers } from "./receivers.fixture.ts";

const MAX_BODY_BYTES = 1_000_000;
let receivers: Receivers;
beforeAll(async () => {
  receivers = await startReceivers({ maxBodyBytes: MAX_BODY_BYTES });
});
afterAll(() => receivers.close());

afterEach(async () => {
  const before = receivers.journal.stats().lastSeq;
  expect((await receivers.post(requestOf(span()))).status, "the next good request over HTTP").toBe(200);
  expect((await receivers.call(requestOf(span()))).length, "the next good request over gRPC").toBe(0);
  expect(receivers.journal.stats().lastSeq).toBe(before + 2);
});

/** Bytes to a port; resolves with what came back when the other side has ended the connection. */
function sendRaw(port: number, bytes: Buffer | string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
    socket.setTimeout(15_000, () => reject(new Error("the connection stays open")));
  });
}

const GARBAGE = Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 256));
const BROKEN_TEXT = (() => {
  const body = Buffer.from(encodeTraces({ resourceSpans: [{ schemaUrl: "marker" }] }));
  body[body.indexOf("marker")] = 0xff;
  return body;
})();
const NESTED = `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${'{"arrayValue":{"values":['.repeat(9_000)}${"]}}".repeat(9_000)}}]}}]}`;
/** Field 1 inside field 1 inside …, 5,000 messages deep, as an attribute's value. */
const NESTED_BYTES = (() => {
  let value = Buffer.alloc(0);
  const wrap = (tag: number, inner: Buffer) => {
    const length = [];
    for (let rest = inner.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    return Buffer.concat([Buffer.from([tag, ...length]), inner]);
  };
  for (let depth = 0; depth < 2_500; depth += 1) value = wrap(0x2a, wrap(0x0a, value));
  return wrap(0x0a, wrap(0x0a, wrap(0x0a, wrap(0x12, value))));
})();

describe("bytes that are no request", () => {
  test.each([
    ["garbage", GARBAGE],
    ["the start of an HTTP/2 connection", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["headers without end", `POST /v1/traces HTTP/1.1\r\n${"x: y\r\n".repeat(5_000)}`],
  ])("%s on the HTTP port get a 400 and are counted", async (_what, bytes) => {
    const before = await receivers.counted("runledger_otlp_requests_total", {
      transport: "http",
      code: "invalid_argument",
    });
    expect(await sendRaw(receivers.http.port, bytes)).toMatch(/^HTTP\/1\.1 400 .*"code":3/s);
    expect(
      await receivers.counted("runledger_otlp_requests_total", { transport: "http", code: "invalid_argument" }),
    ).toBe(before + 1);
  });

  test.each([
    ["garbage", GARBAGE],
    ["an HTTP/1.1 request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ])("%s on the gRPC port end that connection", async (_what, bytes) => {
    await sendRaw(receivers.grpc.port, bytes);
  });

  test("a sender that never finishes its request is ended", async () => {
    const answer = await sendRaw(
      receivers.http.port,
      "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d|$)/);
    await expect.poll(() => receivers.counted("runledger_otlp_in_flight_bytes")).toBe(0);
  });
});

describe("over HTTP", () => {
  const gzip = { ...PROTOBUF, "content-encoding": "gzip" };
  test.each<[string, number, Buffer | string, Record<string, string>, string, string]>([
    ["garbage as protobuf", 400, GARBAGE, PROTOBUF, "invalid_argument", "not an OTLP"],
    [
      "a truncated protobuf",
      400,
      requestOf(span()).subarray(0, 30),
      PROTOBUF,
      "invalid_argument",
      "index out of range",
    ],
    ["text that is not UTF-8", 400, BROKEN_TEXT, PROTOBUF, "invalid_argument", "not valid UTF-8"],
    ["protobuf nested 5,000 deep", 400, NESTED_BYTES, PROTOBUF, "invalid_argument", "nested deeper"],
    ["garbage as JSON", 400, "{]", JSON_TYPE, "invalid_argument", "not an OTLP"],
    ["an empty JSON body", 400, "", JSON_TYPE, "invalid_argument", "not an OTLP"],
    ["JSON of another shape", 400, "[]", JSON_TYPE, "invalid_argument", "not an object"],
    ["JSON that is not UTF-8", 400, Buffer.from([0x7b, 0xff, 0x7d]), JSON_TYPE, "invalid_argument", "not valid UTF-8"],
    ["JSON nested 9,000 deep", 400, NESTED, JSON_TYPE, "invalid_argument", "nested deeper"],
    ["broken gzip", 400, GARBAGE, gzip, "invalid_argument", "not valid gzip"],
    ["gzip cut short", 400, gzipSync(requestOf(span())).subarray(0, 40), gzip, "invalid_argument", "not valid gzip"],
    ["broken zstd", 400, GARBAGE, { ...PROTOBUF, "content-encoding": "zstd" }, "invalid_argument", "not valid zstd"],
    ["a gzip bomb", 413, gzipSync(Buffer.alloc(50_000_000)), gzip, "too_large", "unpacks to more"],
    ["a body over the limit", 413, Buffer.alloc(MAX_BODY_BYTES + 1), PROTOBUF, "too_large", "larger than"],
    ["another content type", 415, "x", { "content-type": "text/plain" }, "unsupported_type", "application/x-protobuf"],
    ["another content encoding", 415, "x", { ...PROTOBUF, "content-encoding": "br" }, "unsupported_type", "gzip, zstd"],
  ])("%s is answered with %i and a reason, and counted", async (_what, code, body, headers, counter, reason) => {
    const labels = { transport: "http", code: counter };
    const before = await receivers.counted("runledger_otlp_requests_total", labels);
    const answer = await receivers.post(body, headers);
    expect(answer.status).toBe(code);
    expect(answer.headers.get("retry-after")).toBeNull();
    expect(Buffer.from(await answer.arrayBuffer()).toString("latin1")).toContain(reason);
    expect(await receivers.counted("runledger_otlp_requests_total", labels)).toBe(before + 1);
    expect(await receivers.counted("runledger_otlp_in_flight_bytes")).toBe(0);
  });

  test("a chunked body over the limit is answered with 413", async () => {
    const chunks = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
    });
    const request = { method: "POST", headers: PROTOBUF, body: chunks, duplex: "half" } as RequestInit;
    const answer = await fetch(`http://127.0.0.1:${receivers.http.port}/v1/traces`, request).catch(
      (error: Error) => error,
    );
    if (!(answer instanceof Error)) expect(answer.status).toBe(413);
    expect(await receivers.counted("runledger_otlp_in_flight_bytes")).toBe(0);
  });

  test.each([
    ["GET", "/v1/traces", 405],
    ["PUT", "/v1/traces", 405],
    ["POST", "/", 404],
    ["POST", "/v1/traces/x", 404],
    ["GET", "/v1/logs", 405],
  ])("%s %s is answered with %i", async (method, path, code) => {
    const answer = await fetch(`http://127.0.0.1:${receivers.http.port}${path}`, { method, headers: JSON_TYPE });
    expect([answer.status, await answer.json()]).toMatchObject([code, { message: expect.any(String) }]);
  });
});

describe("over gRPC", () => {
  test.each<[string, Buffer, number, string]>([
    ["garbage", GARBAGE, status.INVALID_ARGUMENT, "invalid_argument"],
    ["a truncated protobuf", requestOf(span()).subarray(0, 30), status.INVALID_ARGUMENT, "invalid_argument"],
    ["text that is not UTF-8", BROKEN_TEXT, status.INVALID_ARGUMENT, "invalid_argument"],
    ["protobuf nested 5,000 deep", NESTED_BYTES, status.INVALID_ARGUMENT, "invalid_argument"],
    ["a message over the limit", Buffer.alloc(MAX_BODY_BYTES + 1), status.RESOURCE_EXHAUSTED, "too_large"],
  ])("%s is refused for good, and counted", async (_what, body, code, counter) => {
    const labels = { transport: "grpc", code: counter };
    const before = await receivers.counted("runledger_otlp_requests_total", labels);
    await expect(receivers.call(body)).rejects.toMatchObject({ code });
    await expect.poll(() => receivers.counted("runledger_otlp_requests_total", labels)).toBe(before + 1);
    await expect.poll(() => receivers.counted("runledger_otlp_in_flight_bytes")).toBe(0);
  });
});

describe("a span", () => {
  const time = (unixNano: bigint) => nanos(unixNano);
  const usage = (intValue: number) => ({ attributes: [{ key: "gen_ai.usage.input_tokens", value: { intValue } }] });
  test.each<[string, object, string]>([
    ["with a trace id of 15 bytes", { traceId: Buffer.alloc(15, 1) }, "trace_id"],
    ["with a trace id of zeros", { traceId: Buffer.alloc(16) }, "trace_id"],
    ["with a span id of 9 bytes", { spanId: Buffer.alloc(9, 1) }, "span_id"],
    ["with a parent id of 3 bytes", { parentSpanId: Buffer.alloc(3, 1) }, "parent_id"],
    ["that starts in 2400", { startTimeUnixNano: time(13_569_465_600_000_000_000n) }, "start_time"],
    ["without a start", { startTimeUnixNano: time(0n) }, "start_time"],
    ["that ends in 2500", { endTimeUnixNano: time(16_725_225_600_000_000_000n) }, "end_time"],
    ["that ends a day before its start", { endTimeUnixNano: time(1_699_913_600_000_000_000n) }, "end_time"],
    ["with negative tokens", usage(-5), "negative_tokens"],
  ])("%s is rejected as %s, and counted", async (_what, more, reason) => {
    const before = await receivers.counted("runledger_otlp_spans_rejected_total", { reason });
    const answer = await receivers.post(requestOf(span(more)));
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining(`1 rejected (${reason})`)]);
    expect((await receivers.call(requestOf(span(more)))).toString()).toContain(reason);
    expect(await receivers.counted("runledger_otlp_spans_rejected_total", { reason })).toBe(before + 2);
  });

  test.each<[string, object]>([
    ["of 1971", { startTimeUnixNano: time(31_536_000_000_000_000n) }],
    [
      "of 2261",
      { startTimeUnixNano: time(9_190_000_000_000_000_000n), endTimeUnixNano: time(9_190_000_000_000_000_001n) },
    ],
    ["that ends a second before its start", { endTimeUnixNano: time(1_699_999_999_000_000_000n) }],
    ["with zero tokens", usage(0)],
  ])("%s is strange, but taken", async (_what, more) => {
    expect((await receivers.call(requestOf(span(more)))).length).toBe(0);
  });
});
