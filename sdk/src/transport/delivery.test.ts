import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { createConversion } from "../conversion/conversion.ts";
import type { RawRecord } from "../conversion/raw-record.ts";
import { createFailures, type Failures } from "../failures.ts";
import { createConnection } from "./connection.ts";
import { createDelivery } from "./delivery.ts";
import type { QueueLimits } from "./waiting-queue.ts";

type Answer = { code: number; error?: Error };
const OK: Answer = { code: 0 };
const status = (code: number, details: string[] = []): Answer => ({
  code: 1,
  error: Object.assign(new Error(`status ${code}`), { code, metadata: { get: () => details } }),
});

/** A collector that answers as told; each connection is its own exporter. */
function setUp(
  answer: (batch: ReadableSpan[], request: number) => Answer,
  limits = { queueRecords: 1_000, queueBytes: 100_000_000 },
) {
  const batches: ReadableSpan[][] = [];
  const connections: number[] = [];
  const failures = createFailures(() => {});
  const createExporter = (number: number): SpanExporter => {
    connections.push(number);
    return {
      export(batch, done) {
        const given = answer(batch, batches.push(batch) - 1);
        setImmediate(() => done(given));
      },
      shutdown: async () => {},
    };
  };
  const delivery = deliveryOf(createExporter, failures, limits);
  return { delivery, failures, batches, connections };
}

const convert = createConversion({
  ...{ serviceName: "test", host: "here", pid: 1 },
  cover: { content: "full", key: "a key for tests", rules: [], countries: [] },
});
function deliveryOf(createExporter: (number: number) => SpanExporter, failures: Failures, limits: QueueLimits) {
  const connection = createConnection(createExporter, convert, failures);
  return createDelivery({ connection, convert, tell: () => {}, failures, random: () => 0 }, limits);
}
let records = 0;
function span(name: string, size = 0): RawRecord {
  const context = { traceId: "a".repeat(32), spanId: String(records++).padStart(16, "0"), traceFlags: 1 };
  const attributes = { content: "x".repeat(size) };
  return {
    run: 1,
    name,
    kind: 0,
    context,
    parent: undefined,
    startTime: 1,
    endTime: 2,
    status: { code: 0 },
    attributes,
  };
}
const names = (spans: ReadableSpan[]) => spans.map((one) => one.name);

test("records leave in order, together, without anybody asking", async () => {
  const { delivery, batches } = setUp(() => OK);
  for (const name of ["a", "b", "c"]) delivery.add(span(name), false);
  await expect.poll(() => delivery.stats().sent).toBe(3);
  expect(batches.map(names)).toEqual([["a", "b", "c"]]);
});

test("what the collector can't take now is sent again on a new connection, nothing twice or out of order", async () => {
  const { delivery, batches, connections, failures } = setUp((_batch, request) => (request < 2 ? status(14) : OK));
  delivery.add(span("a"), true);
  delivery.add(span("b"), true);
  expect(await delivery.flush(5_000)).toBe(true);
  expect(batches.map(names)).toEqual([
    ["a", "b"],
    ["a", "b"],
    ["a", "b"],
  ]);
  expect(connections).toEqual([1, 2, 3]);
  expect(failures.counts()).toMatchObject({ delivery: 2, dropped: 0, rejected: 0 });
});

test("a full collector that says when to come back is asked again", async () => {
  const full = setUp((_batch, request) => (request === 0 ? status(8, ["retry info"]) : OK));
  full.delivery.add(span("a"), true);
  expect(await full.delivery.flush(5_000)).toBe(true);
  expect(full.failures.counts().rejected).toBe(0);
});

test("one record that the collector will not take is found and dropped alone", async () => {
  const { delivery, failures } = setUp((batch) => (names(batch).includes("bad") ? status(8) : OK));
  for (let i = 0; i < 20; i++) delivery.add(span(i === 13 ? "bad" : `good ${i}`), false);
  expect(await delivery.flush(5_000)).toBe(true);
  expect(delivery.stats().sent).toBe(19);
  expect(failures.counts()).toMatchObject({ rejected: 1, delivery: 0 });
});

test("a refused key is not tried again", async () => {
  const { delivery, batches, failures } = setUp(() => status(16));
  delivery.add(span("a"), true);
  delivery.add(span("b"), true);
  expect(await delivery.flush(5_000)).toBe(true);
  expect(batches).toHaveLength(1);
  expect(failures.counts().rejected).toBe(2);
});

test("requests stay below the usual limit of gRPC, and a huge record goes alone and whole", async () => {
  const { delivery, batches } = setUp(() => OK);
  const sizes = [1_000_000, 1_000_000, 1_500_000, 8_000_000, 10];
  sizes.forEach((size, i) => {
    delivery.add(span(`${i}`, size), false);
  });
  expect(await delivery.flush(5_000)).toBe(true);
  expect(batches.map(names)).toEqual([["0", "1"], ["2"], ["3"], ["4"]]);
});

test("past its bounds the queue takes nothing more, and the loss is counted", async () => {
  const { delivery, failures } = setUp(() => status(14), { queueRecords: 3, queueBytes: 1_000_000 });
  for (let i = 0; i < 5; i++) delivery.add(span(`${i}`), false);
  expect(delivery.stats().queued).toBe(3);
  expect(failures.counts().dropped).toBe(2);
  const bytes = setUp(() => status(14), { queueRecords: 100, queueBytes: 50_000 });
  for (let i = 0; i < 5; i++) bytes.delivery.add(span(`${i}`, 20_000), false);
  expect(bytes.delivery.stats().queued).toBe(2);
  expect(await delivery.close(10)).toBe(false);
  expect(await bytes.delivery.close(10)).toBe(false);
});

test("an exporter that throws, or can't be made, harms nobody", async () => {
  const failures = createFailures(() => {});
  let made = 0;
  const createExporter = (): SpanExporter => {
    if (made++ === 0) throw new Error("no exporter");
    return {
      export: () => {
        throw new Error("export");
      },
      shutdown: async () => {},
    };
  };
  const delivery = deliveryOf(createExporter, failures, { queueRecords: 10, queueBytes: 100_000 });
  delivery.add(span("a"), true);
  expect(await delivery.flush(5_000)).toBe(true);
  expect(failures.counts().rejected).toBe(1);
});

test("flush gives up at its time", async () => {
  const { delivery } = setUp(() => status(14));
  delivery.add(span("a"), true);
  const begin = performance.now();
  expect(await delivery.flush(100)).toBe(false);
  expect(performance.now() - begin).toBeLessThan(5_000);
  await delivery.close(10);
});
