import { type ClientHttp2Stream, connect as connectHttp2, type Settings } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { DEFAULT_MAX_BODY_BYTES } from "./intake.ts";
import { OWN, PROTOBUF, type Receivers, requestOf, span, startReceivers, TRACES } from "./receivers.fixture.ts";

const BUDGET_BYTES = 8_000_000;
const MAX_BODY_BYTES = 2_000_000;
const OTHER = { "runledger-tenant": "other" };

let receivers: Receivers;
const ends: (() => void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await receivers.close();
});

const inFlight = () => receivers.counted("runledger_otlp_in_flight_bytes");

/** Whether another tenant and Runledger itself are taken, over both transports where they may. */
async function expectOthersTaken(): Promise<void> {
  const body = requestOf(span());
  expect((await receivers.post(body, { ...PROTOBUF, ...OTHER })).status, "another tenant over HTTP").toBe(200);
  expect((await receivers.call(body, TRACES, OTHER)).length, "another tenant over gRPC").toBe(0);
  expect((await receivers.post(body, { ...PROTOBUF, authorization: OWN })).status, "an act").toBe(200);
}

/** A request over HTTP that goes no further than these bytes of its body. */
function startHttp(promisedBytes: number, body: Uint8Array, more = ""): Socket {
  const socket = connect(receivers.http.port, "127.0.0.1").on("error", () => undefined);
  ends.push(() => socket.destroy());
  socket.write(
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n${more}Content-Length: ${promisedBytes}\r\n\r\n`,
  );
  socket.write(body);
  return socket;
}

/** One connection for gRPC, and calls that go no further than these bytes of their message. */
function openGrpc(
  settings: Settings = {},
): (announcedBytes: number, body: Uint8Array) => ClientHttp2Stream & { answered: Promise<number> } {
  const session = connectHttp2(`http://127.0.0.1:${receivers.grpc.port}`, { settings });
  ends.push(() => session.destroy());
  return (announcedBytes, body) => {
    const stream = session.request({
      ":method": "POST",
      ":path": TRACES,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(announcedBytes, 1);
    stream.on("error", () => undefined).write(Buffer.concat([prefix, body]));
    const answered = new Promise<number>((resolve) => {
      stream.on("response", (headers) => resolve(Number(headers["grpc-status"])));
    });
    return Object.assign(stream, { answered });
  };
}

test("four senders that promise 64 MiB over HTTP and send nothing take nothing from anybody", async () => {
  receivers = await startReceivers();
  for (let count = 0; count < 4; count += 1) startHttp(DEFAULT_MAX_BODY_BYTES, Buffer.of());
  await expect.poll(inFlight).toBeGreaterThanOrEqual(4);
  await expectOthersTaken();
  expect((await receivers.post(requestOf(span()))).status, "the same tenant").toBe(200);
  expect(await inFlight()).toBeLessThan(100_000);
});

test("a tenant whose requests never end has its share over HTTP, and others have theirs", async () => {
  receivers = await startReceivers({ maxInFlightBytes: BUDGET_BYTES, maxBodyBytes: MAX_BODY_BYTES });
  const sent = Buffer.alloc(900_000, 1);
  for (let count = 0; count < 8; count += 1) startHttp(MAX_BODY_BYTES, sent);
  await expect.poll(inFlight).toBeGreaterThan(BUDGET_BYTES / 2 - sent.length);
  expect(await inFlight()).toBeLessThanOrEqual(BUDGET_BYTES / 2);
  await expectOthersTaken();
});

test("over gRPC what came of unfinished messages is counted, a tenant has its share of it, and all ends in time", async () => {
  receivers = await startReceivers({ maxInFlightBytes: BUDGET_BYTES, maxBodyBytes: MAX_BODY_BYTES });
  const start = openGrpc();
  const sent = Buffer.alloc(900_000, 1);
  const streams = Array.from({ length: 8 }, () => start(MAX_BODY_BYTES, sent));
  await expect.poll(inFlight).toBeGreaterThan(BUDGET_BYTES / 2 - sent.length);
  expect(await inFlight()).toBeLessThanOrEqual(BUDGET_BYTES / 2);
  await expectOthersTaken();
  const answers = await Promise.all(streams.map(({ answered }) => answered));
  expect(new Set(answers)).toEqual(new Set([status.RESOURCE_EXHAUSTED, status.DEADLINE_EXCEEDED]));
  await expect.poll(inFlight).toBe(0);
  // Only a stream that is closed gives back what came on it.
  await expect.poll(() => streams.every(({ closed }) => closed)).toBe(true);
});

test("calls that send nothing, or all but their end, hold little, and end in time, as a silent connection does", async () => {
  receivers = await startReceivers({ maxInFlightBytes: BUDGET_BYTES, maxBodyBytes: MAX_BODY_BYTES });
  const silent = connect(receivers.grpc.port, "127.0.0.1")
    .on("error", () => undefined)
    .resume();
  ends.push(() => silent.destroy());
  const silentClosed = new Promise((resolve) => silent.once("close", resolve));
  const start = openGrpc();
  const whole = requestOf(span());
  const streams = Array.from({ length: 100 }, (_, index) =>
    index % 2 === 0 ? start(MAX_BODY_BYTES, Buffer.of()) : start(whole.length, whole),
  );
  await expect.poll(inFlight).toBeGreaterThan(0);
  await expectOthersTaken();
  const answers = await Promise.all(streams.map(({ answered }) => answered));
  expect(new Set(answers)).toEqual(new Set([status.DEADLINE_EXCEEDED]));
  await expect.poll(inFlight).toBe(0);
  await silentClosed;
});

test("who does not take the answer holds its message, and for a time only", async () => {
  receivers = await startReceivers({ maxInFlightBytes: BUDGET_BYTES, maxBodyBytes: MAX_BODY_BYTES });
  const rejected = requestOf(span({ traceId: Buffer.alloc(1), name: "n".repeat(900_000) }));
  const streams = Array.from({ length: 8 }, () => openGrpc({ initialWindowSize: 0 })(rejected.length, rejected));
  for (const stream of streams) stream.end();
  const answers = () => receivers.counted("runledger_otlp_requests_total", { transport: "grpc", code: "ok" });
  await expect.poll(answers).toBe(4);
  expect(await inFlight()).toBeGreaterThan(BUDGET_BYTES / 2 - rejected.length);
  await expectOthersTaken();
  await expect.poll(inFlight, { timeout: 10_000 }).toBe(0);
  await expect.poll(() => streams.every(({ closed }) => closed)).toBe(true);
});

test("who is refused behind a request that is still at work, and hangs up, leaves nothing reserved", async () => {
  const waiting: (() => void)[] = [];
  const settings = { maxBodyBytes: MAX_BODY_BYTES, maxInFlightBytes: BUDGET_BYTES };
  receivers = await startReceivers(settings, (journal) => async (entry) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return await journal.append(entry);
  });
  const headers = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n";
  for (let i = 0; i < 5; i++) {
    const body = requestOf(span());
    const socket = startHttp(body.length, body);
    await expect.poll(() => waiting.length).toBe(i + 1);
    const size = MAX_BODY_BYTES + 1;
    socket.write(`${headers}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`);
    await new Promise<void>((written) => socket.write(Buffer.alloc(size), () => written()));
    await new Promise<void>((written) => socket.write("\r\n0\r\n\r\n", () => written()));
    await sleep(50);
    socket.destroy();
  }
  for (const end of waiting) end();
  await expect.poll(inFlight, { timeout: 10_000 }).toBe(0);
});

test("who hangs up while its request is unpacked leaves nothing reserved", async () => {
  receivers = await startReceivers();
  const packed = gzipSync(Buffer.alloc(60_000_000));
  const socket = startHttp(packed.length, packed, "Content-Encoding: gzip\r\n");
  await expect.poll(inFlight, { interval: 1 }).toBeGreaterThan(50_000_000);
  socket.destroy();
  await expect.poll(inFlight, { timeout: 10_000 }).toBe(0);
});
