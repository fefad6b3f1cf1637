import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkSentSpan, checkSpan } from "./check-span.ts";
import { decodeSentTraces, decodeTraces, encodeTraces } from "./decode.ts";
import root from "./generated/otlp.js";
import type { AnyValue, KeyValue, Span, TracesRequest } from "./otlp.ts";
import { sentTraces } from "./sent-span.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const count = fc.integer({ min: 0, max: 0xffffffff });
const id = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
const time = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int64 = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
const { pair } = fc.letrec<{ value: AnyValue; pair: KeyValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    text.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    int64.map((intValue) => ({ intValue })),
    fc.double().map((doubleValue) => ({ doubleValue })),
    id(5).map((bytesValue) => ({ bytesValue })),
    fc.array(tie("value"), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc.array(tie("pair"), { maxLength: 3 }).map((values) => ({ kvlistValue: { values } })),
  ),
  pair: fc.record({ key: text, value: tie("value") }),
}));
const attributes = { attributes: fc.array(pair, { maxLength: 4 }), droppedAttributesCount: count };
const span: fc.Arbitrary<Span> = fc.record({
  traceId: id(16),
  spanId: id(8),
  traceState: text,
  parentSpanId: fc.oneof(id(8), id(0)),
  flags: count,
  name: text,
  kind: fc.integer({ min: 0, max: 5 }),
  startTimeUnixNano: time,
  endTimeUnixNano: time,
  events: fc.array(fc.record({ timeUnixNano: time, name: text, ...attributes }), { maxLength: 2 }),
  droppedEventsCount: count,
  links: fc.array(fc.record({ traceId: id(16), spanId: id(8), traceState: text, flags: count, ...attributes }), {
    maxLength: 2,
  }),
  droppedLinksCount: count,
  status: fc.oneof(fc.constant(null), fc.record({ message: text, code: fc.integer({ min: 0, max: 2 }) })),
  ...attributes,
});
const request: fc.Arbitrary<TracesRequest> = fc.record({
  resourceSpans: fc.array(
    fc.record({
      resource: fc.oneof(fc.constant(null), fc.record(attributes)),
      schemaUrl: text,
      scopeSpans: fc.array(
        fc.record({
          scope: fc.oneof(fc.constant(null), fc.record({ name: text, version: text, ...attributes })),
          schemaUrl: text,
          spans: fc.array(span, { maxLength: 3 }),
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  ),
});

/** Spans that are just not taken, or just taken. */
const hour = 3_600_000_000_000n;
const moment = 1_700_000_000_000_000_000n;
const token = (value: AnyValue) => ({ attributes: [{ key: "gen_ai.usage.input_tokens", value }] });
const oddities: readonly object[] = [
  {},
  token({ intValue: -1 }),
  token({ intValue: -(2n ** 62n) }),
  token({ doubleValue: -0.5 }),
  token({ doubleValue: Number.NEGATIVE_INFINITY }),
  token({ doubleValue: -0 }),
  token({ stringValue: "-1" }),
  token({ arrayValue: { values: [{ intValue: -1 }] } }),
  token({ kvlistValue: { values: [{ key: "int64", value: { stringValue: "-1" } }] } }),
  { traceId: Buffer.alloc(16) },
  { traceId: Buffer.alloc(15, 1) },
  { spanId: Buffer.alloc(8) },
  { parentSpanId: Buffer.alloc(7) },
  { startTimeUnixNano: 0n },
  { startTimeUnixNano: moment, endTimeUnixNano: moment - hour },
  { startTimeUnixNano: moment, endTimeUnixNano: moment - hour - 1n },
  { startTimeUnixNano: moment, endTimeUnixNano: 2n ** 63n },
];
const valid = { startTimeUnixNano: moment, endTimeUnixNano: moment };
const odd = fc
  .array(fc.constantFrom(...oddities), { minLength: 3, maxLength: 3 })
  .map((changes) => (ofResource: TracesRequest["resourceSpans"][number]) => ({
    ...ofResource,
    scopeSpans: ofResource.scopeSpans.map((ofScope) => ({
      ...ofScope,
      spans: ofScope.spans.map((one, at) => ({ ...one, ...valid, ...changes[at] })),
    })),
  }));

function spansOf<Item>({ resourceSpans }: TracesRequest<Item>): Item[] {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

/** The same message with the values that the generated encoder takes. */
function forEncoder(value: unknown): unknown {
  if (typeof value === "bigint")
    return {
      low: Number(BigInt.asIntN(32, value)),
      high: Number(BigInt.asIntN(32, value >> 32n)),
      unsigned: value >= 0n,
    };
  return mapObject(value, forEncoder);
}

/** The same message as OTLP/JSON. */
function forJson(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return "-0";
  return mapObject(value, (item, key) =>
    Buffer.isBuffer(item) ? item.toString(key === "bytesValue" ? "base64" : "hex") : forJson(item),
  );
}

function mapObject(value: unknown, map: (item: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => map(item, ""));
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item, key)]));
}

function nestedArrays(depth: number): object {
  let value: object = { stringValue: "x" };
  for (let level = 0; level < depth; level += 1) value = { arrayValue: { values: [value] } };
  return value;
}

describe("every request that the official encoder can write", () => {
  test("is read back exactly from protobuf", () => {
    fc.assert(
      fc.property(request, (message) => {
        expect(decodeTraces(Buffer.from(encodeTraces(forEncoder(message) as object)), "protobuf")).toEqual(message);
      }),
      { numRuns: 200 },
    );
  });

  test("is read back exactly whatever keys begin with others, over many spans", () => {
    const keys = fc.array(fc.tuple(fc.constantFrom("process.command", "gen_ai.usage", "a"), text), { maxLength: 60 });
    fc.assert(
      fc.property(keys, (parts) => {
        const attributes = parts.flatMap(([begin, rest]) =>
          [`${begin}${rest}`, begin, `${begin}_args`].map((key) => ({ key, value: { stringValue: key } })),
        );
        const body = encodeTraces({ resourceSpans: [{ resource: { attributes }, scopeSpans: [] }] });
        const read = decodeTraces(Buffer.from(body), "protobuf").resourceSpans[0]?.resource?.attributes;
        expect(read?.map(({ key }) => key)).toEqual(attributes.map(({ key }) => key));
      }),
    );
  });

  test("is read back exactly from JSON", () => {
    fc.assert(
      fc.property(request, (message) => {
        expect(decodeTraces(Buffer.from(JSON.stringify(forJson(message))), "json")).toEqual(message);
      }),
      { numRuns: 200 },
    );
  });

  test("is read for normalising as it was read to be checked, and judged alike, from both formats", () => {
    fc.assert(
      fc.property(request, odd, (message, change) => {
        const changed = { resourceSpans: message.resourceSpans.map((one) => change(one) as typeof one) };
        const bodies = [
          [Buffer.from(encodeTraces(forEncoder(changed) as object)), "protobuf"],
          [Buffer.from(JSON.stringify(forJson(changed))), "json"],
        ] as const;
        for (const [body, format] of bodies) {
          const checked = decodeTraces(body, format);
          const sent = decodeSentTraces(body, format);
          expect(sent).toEqual(sentTraces(checked));
          const verdicts = spansOf(checked).map(checkSpan);
          expect(spansOf(sent).map(checkSentSpan)).toEqual(verdicts);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("is refused when it is cut wherever the official decoder refuses it", () => {
    fc.assert(
      fc.property(request, fc.nat(), (message, at) => {
        const body = Buffer.from(encodeTraces(forEncoder(message) as object));
        const cut = body.subarray(0, at % (body.length + 1));
        const verdict = (decode: () => unknown) => {
          try {
            decode();
            return "taken";
          } catch {
            return "refused";
          }
        };
        const { ExportTraceServiceRequest } = root.opentelemetry.proto.collector.trace.v1;
        expect(verdict(() => decodeTraces(cut, "protobuf"))).toBe(verdict(() => ExportTraceServiceRequest.decode(cut)));
      }),
      { numRuns: 300 },
    );
  });
});

describe("OTLP/JSON", () => {
  const spanJson = (more: object) =>
    Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [more] }] }] }));
  const scopeOf = (body: Buffer) => decodeTraces(body, "json").resourceSpans[0]?.scopeSpans[0];
  const spanOf = (body: Buffer) => scopeOf(body)?.spans[0];

  test("may have 64-bit integers as numbers, all digits kept", () => {
    const body = Buffer.from(
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1700000000123456789,"endTimeUnixNano":"5"}]}]}]}',
    );
    expect(spanOf(body)).toMatchObject({ startTimeUnixNano: 1_700_000_000_123_456_789n, endTimeUnixNano: 5n });
  });

  test("may have enums as names, protobuf field names and unknown fields", () => {
    const body = Buffer.from(
      '{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"AB","kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR"},"new":{"x":[1]}}]}]}]}',
    );
    expect(spanOf(body)).toMatchObject({ traceId: Buffer.from([0xab]), kind: 3, status: { code: 2 } });
  });

  test.each([
    ["hexadecimal", { traceId: "xy" }],
    ["name is not a string", { name: 5 }],
    ["not an array", { attributes: {} }],
    ["unsigned 64-bit", { startTimeUnixNano: "-1" }],
    ["unsigned 64-bit", { startTimeUnixNano: 1.5 }],
    ["64-bit integer", { attributes: [{ key: "k", value: { intValue: "9223372036854775808" } }] }],
    ["lone surrogate", { name: "\ud800" }],
    ["nested deeper", { attributes: [{ key: "k", value: nestedArrays(60) }] }],
  ])("leaves out a span that is wrong, with a reason: %s", (reason, more) => {
    expect(scopeOf(spanJson(more))).toMatchObject({ spans: [], undecodable: [expect.stringContaining(reason)] });
  });

  test("is refused with a reason when long numbers stand in values nested without end", () => {
    const body = Buffer.from(`{"a":1700000000123456789,"b":${"[".repeat(1_100)}${"]".repeat(1_100)}}`);
    expect(() => decodeTraces(body, "json")).toThrow("nested deeper than 1000");
  });
});

test("a protobuf span that can't be taken is left out with a reason, its neighbours are not", () => {
  const bytes = (tag: number, inner: Uint8Array) =>
    Buffer.concat([Buffer.from([tag, (inner.length & 127) | 128, inner.length >> 7]), inner]);
  const [text, attribute, span] = [10, 74, 18];
  let nested = bytes(text, Buffer.from("x"));
  for (let depth = 0; depth < 60; depth += 1) nested = bytes(42, bytes(10, nested));
  const spans = [
    bytes(42, Buffer.from("first")),
    bytes(42, Buffer.from([0xff])),
    bytes(attribute, bytes(18, nested)),
    bytes(42, Buffer.from("last")),
  ].map((fields) => bytes(span, fields));
  const body = bytes(10, bytes(18, Buffer.concat([...spans, bytes(26, Buffer.from("after"))])));
  expect(decodeTraces(body, "protobuf").resourceSpans[0]?.scopeSpans[0]).toMatchObject({
    spans: [{ name: "first" }, { name: "last" }],
    undecodable: [expect.stringContaining("not valid UTF-8"), expect.stringContaining("nested deeper")],
    schemaUrl: "after",
  });
});

test("protobuf text that is not UTF-8 is refused outside of spans, a genuine U+FFFD is not", () => {
  const body = Buffer.from(encodeTraces({ resourceSpans: [{ schemaUrl: "a\uFFFDb" }] }));
  expect(decodeTraces(body, "protobuf").resourceSpans[0]?.schemaUrl).toBe("a\uFFFDb");
  body[body.indexOf(0xbf)] = 0x41;
  expect(() => decodeTraces(body, "protobuf")).toThrow("not valid UTF-8");
});

test("values nested without end are refused in both formats", () => {
  let json = '{"stringValue":"x"}';
  const value = nestedArrays(45);
  for (let depth = 0; depth < 5000; depth += 1) json = `{"arrayValue":{"values":[${json}]}}`;
  const of = (inner: string) => `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${inner}}]}}]}`;
  expect(() => decodeTraces(Buffer.from(of(json)), "json")).toThrow("nested deeper");
  const body = Buffer.from(encodeTraces({ resourceSpans: [{ resource: { attributes: [{ key: "k", value }] } }] }));
  expect(() => decodeTraces(body, "protobuf")).not.toThrow();
  expect(() => decodeTraces(Buffer.from(of(JSON.stringify(value))), "json")).not.toThrow();
});
