import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeLogs, decodeMetrics, decodeTraces, encodeLogs, encodeMetrics } from "./decode.ts";
import type { LogRecord } from "./log-record.ts";
import type { DataPoint, Metric } from "./metric.ts";
import type { AnyValue, KeyValue } from "./otlp.ts";
import { verdictOn } from "./verdict.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const count = fc.integer({ min: 0, max: 0xffffffff });
const id = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
const fixed64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const signed64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const exact = signed64.map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
const double = fc.double();
const { pair, value } = fc.letrec<{ value: AnyValue; pair: KeyValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    text.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    exact.map((intValue) => ({ intValue })),
    double.map((doubleValue) => ({ doubleValue })),
    id(5).map((bytesValue) => ({ bytesValue })),
    fc.array(tie("value"), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc.array(tie("pair"), { maxLength: 3 }).map((values) => ({ kvlistValue: { values } })),
  ),
  pair: fc.record({ key: text, value: tie("value") }),
}));
const attributes = fc.array(pair, { maxLength: 3 });
const log: fc.Arbitrary<LogRecord> = fc.record({
  timeUnixNano: fixed64,
  observedTimeUnixNano: fixed64,
  severityNumber: fc.integer({ min: 0, max: 24 }),
  severityText: text,
  body: fc.oneof(fc.constant(null), value),
  attributes,
  droppedAttributesCount: count,
  flags: count,
  traceId: fc.oneof(id(16), id(0)),
  spanId: fc.oneof(id(8), id(0)),
  eventName: text,
});

const exemplar = fc.record(
  { filteredAttributes: attributes, timeUnixNano: fixed64, asInt: signed64, spanId: id(8), traceId: id(16) },
  { requiredKeys: ["filteredAttributes", "timeUnixNano", "spanId", "traceId"] },
);
const point = {
  attributes,
  startTimeUnixNano: fixed64,
  timeUnixNano: fixed64,
  flags: count,
  exemplars: fc.array(exemplar, { maxLength: 2 }),
};
const points = <Point extends DataPoint>(one: fc.Arbitrary<Point>) => fc.array(one, { maxLength: 3 });
const numbers = points(
  fc.oneof(fc.record({ ...point, asInt: signed64 }), fc.record({ ...point, asDouble: double }), fc.record(point)),
);
const summed = { ...point, count: fixed64, sum: double, min: double, max: double };
const required = ["attributes", "startTimeUnixNano", "timeUnixNano", "flags", "exemplars", "count"] as const;
const histogramPoint = fc.record(
  { ...summed, bucketCounts: fc.array(fixed64), explicitBounds: fc.array(double) },
  { requiredKeys: [...required, "bucketCounts", "explicitBounds"] },
);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const buckets = fc.record({ offset: int32, bucketCounts: fc.array(fixed64) });
const exponentialPoint = fc.record(
  { ...summed, scale: int32, zeroCount: fixed64, zeroThreshold: double, positive: buckets, negative: buckets },
  { requiredKeys: [...required, "scale", "zeroCount", "zeroThreshold"] },
);
const summaryPoint = fc.record({
  attributes,
  startTimeUnixNano: fixed64,
  timeUnixNano: fixed64,
  flags: count,
  count: fixed64,
  sum: double,
  quantileValues: fc.array(fc.record({ quantile: double, value: double }), { maxLength: 2 }),
});
const aggregationTemporality = fc.integer({ min: 0, max: 2 });
const head = { name: text, description: text, unit: text, metadata: attributes };
const metric: fc.Arbitrary<Metric> = fc.oneof(
  fc.record({ ...head, gauge: fc.record({ dataPoints: numbers }) }),
  fc.record({
    ...head,
    sum: fc.record({ dataPoints: numbers, aggregationTemporality, isMonotonic: fc.boolean() }),
  }),
  fc.record({ ...head, histogram: fc.record({ dataPoints: points(histogramPoint), aggregationTemporality }) }),
  fc.record({
    ...head,
    exponentialHistogram: fc.record({ dataPoints: points(exponentialPoint), aggregationTemporality }),
  }),
  fc.record({ ...head, summary: fc.record({ dataPoints: points(summaryPoint) }) }),
  fc.record(head),
);

const SIGNALS = [
  ["logs", log, "resourceLogs", "scopeLogs", "logRecords", encodeLogs, decodeLogs],
  ["metrics", metric, "resourceMetrics", "scopeMetrics", "metrics", encodeMetrics, decodeMetrics],
] as const;

describe.each(SIGNALS)("every request of %s that the official encoder can write", (...signal) => {
  const [, item, resources, scopes, items, encode, decode] = signal;
  const resource = fc.oneof(fc.constant(null), fc.record({ attributes, droppedAttributesCount: count }));
  const scope = fc.oneof(
    fc.constant(null),
    fc.record({ name: text, version: text, attributes, droppedAttributesCount: count }),
  );
  const request = fc.array(
    fc.record({
      resource,
      schemaUrl: text,
      [scopes]: fc.array(
        fc.record({ scope, schemaUrl: text, [items]: fc.array(item as fc.Arbitrary<unknown>, { maxLength: 3 }) }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  );
  type Sent = Record<string, unknown>;
  const groupsOf = (sent: readonly Sent[]) =>
    sent.flatMap((from) =>
      (from[scopes] as Sent[]).map((scoped) => ({
        resource: from["resource"],
        resourceSchemaUrl: from["schemaUrl"],
        scope: scoped["scope"],
        scopeSchemaUrl: scoped["schemaUrl"],
        items: scoped[items],
        undecodable: [],
      })),
    );

  test("is read back exactly from protobuf", () => {
    fc.assert(
      fc.property(request, (sent) => {
        const body = Buffer.from(encode({ [resources]: forEncoder(sent) }));
        expect(decode(body, "protobuf")).toEqual(groupsOf(sent));
      }),
      { numRuns: 150 },
    );
  });

  test("is read back exactly from JSON", () => {
    fc.assert(
      fc.property(request, (sent) => {
        const body = Buffer.from(JSON.stringify({ [resources]: forJson(sent) }));
        expect(decode(body, "json")).toEqual(groupsOf(sent));
      }),
      { numRuns: 150 },
    );
  });
});

/** The same message with the values that the generated encoder takes. */
function forEncoder(given: unknown): unknown {
  if (typeof given === "bigint")
    return {
      low: Number(BigInt.asIntN(32, given)),
      high: Number(BigInt.asIntN(32, given >> 32n)),
      unsigned: given >= 0n,
    };
  return mapObject(given, forEncoder);
}

/** The same message as OTLP/JSON. */
function forJson(given: unknown): unknown {
  if (typeof given === "bigint") return given.toString();
  if (typeof given === "number" && !Number.isFinite(given)) return String(given);
  if (Object.is(given, -0)) return "-0";
  return mapObject(given, (item, key) =>
    Buffer.isBuffer(item) ? item.toString(key === "bytesValue" ? "base64" : "hex") : forJson(item),
  );
}

function mapObject(given: unknown, map: (item: unknown, key: string) => unknown): unknown {
  if (Array.isArray(given)) return given.map((item) => map(item, ""));
  if (typeof given !== "object" || given === null || Buffer.isBuffer(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([key, item]) => [key, map(item, key)]));
}

function nested(depth: number): object {
  let inner: object = { stringValue: "x" };
  for (let level = 0; level < depth; level += 1) inner = { arrayValue: { values: [inner] } };
  return inner;
}

describe("one that can't be taken does not cost its neighbours:", () => {
  const attribute = { key: "k", value: { stringValue: "BROKEN" } };
  test.each([
    [
      "a log record",
      encodeLogs({
        resourceLogs: [
          { scopeLogs: [{ logRecords: [{ eventName: "a" }, { attributes: [attribute] }, { eventName: "b" }] }] },
        ],
      }),
      decodeLogs,
    ],
    [
      "a metric",
      encodeMetrics({
        resourceMetrics: [
          {
            scopeMetrics: [
              { metrics: [{ name: "a" }, { gauge: { dataPoints: [{ attributes: [attribute] }] } }, { name: "b" }] },
            ],
          },
        ],
      }),
      decodeMetrics,
    ],
  ] as const)("%s with text that is not UTF-8", (_what, bytes, decode) => {
    const body = Buffer.from(bytes);
    body[body.indexOf("BROKEN")] = 0xff;
    const [group] = decode(body, "protobuf");
    expect(group?.items).toHaveLength(2);
    expect(group?.undecodable).toEqual([expect.stringContaining("not valid UTF-8")]);
  });

  test("a log record whose body is nested without end", () => {
    const body = (logRecords: object[]) => JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
    const [fromJson] = decodeLogs(Buffer.from(body([{ eventName: "a" }, { body: nested(60) }])), "json");
    expect(fromJson).toMatchObject({
      items: [{ eventName: "a" }],
      undecodable: [expect.stringContaining("nested deeper")],
    });
    expect(decodeLogs(Buffer.from(body([{ body: nested(45) }])), "json")[0]?.items).toHaveLength(1);
  });
});

describe("a small body that would take much memory is refused as too large:", () => {
  const wrap = (tag: number, inner: Buffer): Buffer => {
    const length: number[] = [];
    for (let rest = inner.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    return Buffer.concat([Buffer.from([tag, ...length]), inner]);
  };
  const many = (count: number, ...bytes: number[]) => Buffer.alloc(count * bytes.length, Buffer.from(bytes));
  const inScope = (items: Buffer) => wrap(10, wrap(18, items));
  test.each([
    ["a million empty spans", () => decodeTraces(inScope(many(1_000_001, 18, 0)), "protobuf")],
    ["a million empty log records", () => decodeLogs(inScope(many(1_000_001, 18, 0)), "protobuf")],
    [
      "a million empty data points",
      () => decodeMetrics(inScope(wrap(18, wrap(42, many(1_000_001, 10, 0)))), "protobuf"),
    ],
    ["millions of empty attributes", () => decodeLogs(inScope(wrap(18, many(4_000_001, 50, 0))), "protobuf")],
    [
      "millions of counts",
      () => decodeMetrics(inScope(wrap(18, wrap(82, wrap(10, wrap(66, wrap(18, many(4_000_001, 5))))))), "protobuf"),
    ],
    ["half a million empty events", () => verdictOn("traces", inScope(wrap(18, many(500_001, 90, 0))), "protobuf")],
    [
      "half a million empty links of spans",
      () => verdictOn("traces", inScope(many(250_001, 18, 4, 106, 0, 106, 0)), "protobuf"),
    ],
    ["millions of objects", () => decodeLogs(Buffer.from(`[{}${",{}".repeat(8_000_000)}]`), "json")],
  ])("%s", (_what, decode) => {
    expect(decode).toThrow(expect.objectContaining({ code: "too_large" }));
  });
});
