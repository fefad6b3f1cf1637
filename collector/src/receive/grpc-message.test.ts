import { randomBytes } from "node:crypto";
import { connect } from "node:http2";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeAcceptedSpans } from "../otlp/accepted-spans.ts";
import { createMessageReader } from "./grpc-message.ts";
import { type Receivers, requestOf, span, startReceivers, TRACES, unaryCall } from "./receivers.fixture.ts";

const MAX_BODY_BYTES = 1_500_000;
const SMALL_BUDGET_BYTES = 4_000_000;
const COMPRESSED = 1;
const PLAIN = 0;

let receivers: Receivers;
beforeAll(async () => {
  receivers = await startReceivers({ maxBodyBytes: MAX_BODY_BYTES, maxInFlightBytes: SMALL_BUDGET_BYTES });
});
afterAll(() => receivers.close());

const bodyOf = (name: string) => requestOf(span({ name: name.repeat(1_000) }));

test.each([
  ["gzip", "gzip", gzipSync],
  ["zstd", "zstd", zstdCompressSync],
  ["deflate", "identity", deflateSync],
] as const)("a message packed with %s is taken, journalled as %s and read back", async (encoding, journalled, pack) => {
  const answer = await send(encoding, COMPRESSED, pack(bodyOf(encoding)));
  expect(answer).toEqual({ status: status.OK, message: "", accepted: "identity,deflate,gzip,zstd" });
  const frame = (await receivers.frames()).at(-1);
  expect(frame?.encoding).toBe(journalled);
  expect(frame && decodeAcceptedSpans(frame)[0]?.span.name).toBe(encoding.repeat(1_000));
});

test.each(["gzip", "zstd", "deflate"])("a sender that names %s may send a message without it", async (encoding) => {
  expect(await send(encoding, PLAIN, bodyOf("plain"))).toMatchObject({ status: status.OK });
  expect((await receivers.frames()).at(-1)?.encoding).toBe("identity");
});

test("grpc-js itself packs with gzip", async () => {
  const GZIP = 2;
  const client = new Client(`127.0.0.1:${receivers.grpc.port}`, credentials.createInsecure(), {
    "grpc.default_compression_algorithm": GZIP,
  });
  await unaryCall(client, TRACES, bodyOf("grpc-js"), {});
  client.close();
  expect((await receivers.frames()).at(-1)?.encoding).toBe("gzip");
});

test.each([
  [
    "broken zstd",
    "zstd",
    Buffer.concat([zstdCompressSync(bodyOf("x")).subarray(0, 9), randomBytes(64)]),
    status.INVALID_ARGUMENT,
  ],
  ["gzip cut short", "gzip", gzipSync(bodyOf("x")).subarray(0, 40), status.INVALID_ARGUMENT],
  ["neither", "zstd", randomBytes(64).fill(0xff, 0, 8), status.INVALID_ARGUMENT],
  ["a zstd bomb", "zstd", zstdCompressSync(Buffer.alloc(50_000_000)), status.RESOURCE_EXHAUSTED],
  ["a gzip bomb", "gzip", gzipSync(Buffer.alloc(50_000_000)), status.RESOURCE_EXHAUSTED],
  ["a deflate bomb", "deflate", deflateSync(Buffer.alloc(50_000_000)), status.RESOURCE_EXHAUSTED],
  ["an encoding nobody takes", "snappy", Buffer.alloc(64, 1), status.UNIMPLEMENTED],
])("%s is refused, and nothing stays reserved", async (_what, encoding, body, code) => {
  const before = receivers.journal.stats().lastSeq;
  expect((await send(encoding, COMPRESSED, body)).status).toBe(code);
  expect(receivers.journal.stats().lastSeq).toBe(before);
  await expect.poll(() => receivers.counted("runledger_otlp_in_flight_bytes")).toBe(0);
});

test("packed requests are unpacked within the budget for all, and those beyond it are told to come again", async () => {
  const packed = zstdCompressSync(requestOf(span({ name: "y".repeat(1_000_000) })));
  const answers = await Promise.all(Array.from({ length: 6 }, () => send("zstd", COMPRESSED, packed)));
  // As they come, all six fit: they are a few hundred bytes each.
  expect(new Set(answers.map(({ status: code }) => code))).toEqual(new Set([status.OK, status.RESOURCE_EXHAUSTED]));
  expect(answers.find(({ status: code }) => code !== status.OK)?.message).toContain("retry later");
  await expect.poll(() => receivers.counted("runledger_otlp_in_flight_bytes")).toBe(0);
});

test("a message in single bytes holds its own bytes and nothing that was read with them", () => {
  const message = Buffer.concat([prefixOf(PLAIN, 100_000), randomBytes(100_000)]);
  let heldBytes = 0;
  const reader = createMessageReader(MAX_BODY_BYTES, (bytes) => {
    heldBytes = bytes;
  });
  const whole = [...message].map((byte, at) => {
    const piece = Buffer.of(byte);
    const read = reader.write(piece);
    // What the reader still needs of a piece would be lost.
    piece.fill(0);
    expect(heldBytes).toBeLessThanOrEqual(Math.max(8_192, 2 * at + 2));
    return read;
  });
  expect(whole.slice(0, -1).every((read) => read === null)).toBe(true);
  expect(whole.at(-1)?.equals(message)).toBe(true);
  expect(heldBytes).toBe(message.length);
  expect(() => reader.write(Buffer.of(0))).toThrow("one message");
});

test("a length over the limit is refused before anything is held", () => {
  const reader = createMessageReader(MAX_BODY_BYTES, () => expect.unreachable());
  expect(() => reader.write(prefixOf(PLAIN, MAX_BODY_BYTES + 1))).toThrow("send smaller batches");
});

/** A unary call as it is on the wire (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): grpc-js packs with gzip and deflate only. */
function send(encoding: string, flag: number, message: Uint8Array) {
  const session = connect(`http://127.0.0.1:${receivers.grpc.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": TRACES,
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-encoding": encoding,
  });
  return new Promise<{ status: number; message: string; accepted: string }>((resolve, reject) => {
    const told = { status: -1, message: "", accepted: "" };
    const read = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] !== undefined) told.status = Number(headers["grpc-status"]);
      told.message = decodeURIComponent(String(headers["grpc-message"] ?? told.message)).replace(/^OK$/, "");
      told.accepted = String(headers["grpc-accept-encoding"] ?? told.accepted);
    };
    stream
      .on("response", read)
      .on("trailers", read)
      .on("error", reject)
      .on("close", () => {
        session.close();
        resolve(told);
      });
    stream.resume();
    stream.end(Buffer.concat([prefixOf(flag, message.byteLength), message]));
  });
}

function prefixOf(flag: number, lengthBytes: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag, 0);
  prefix.writeUInt32BE(lengthBytes, 1);
  return prefix;
}
