import { record } from "@runledger/contract";
import { beforeAll, describe, expect, it } from "vitest";
import { normalizeFrame } from "./normalize-frame.ts";
import { createPrices, type Pricer } from "./price.ts";

let price: Pricer;
beforeAll(() => {
  price = createPrices(null).cost;
});

function frame(request: object) {
  const body = Buffer.from(JSON.stringify(request));
  return normalizeFrame(
    {
      seq: 7,
      signal: "traces",
      format: "json",
      encoding: "identity",
      tenant: "t",
      receivedUnixNano: 1_700_000_000_000_000_001n,
      body,
    },
    price,
  );
}

const span = (more: object) => ({
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  name: "s",
  startTimeUnixNano: "1700000000000000001",
  endTimeUnixNano: "1700000001000000001",
  ...more,
});
const request = (...spans: object[]) => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
      scopeSpans: [
        { scope: { name: "lib", version: "2", attributes: [{ key: "a", value: { boolValue: true } }] }, spans },
      ],
    },
  ],
});

describe("normalizeFrame", () => {
  it("takes over ids, nanoseconds, resource and scope", () => {
    const { seq, records } = frame(request(span({ parentSpanId: "00f067aa0ba902b7", kind: 3, traceState: "a=b" })));
    expect(seq).toBe(7);
    expect(records[0]?.facts).toMatchObject({
      tenant: "t",
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      parent_id: "00f067aa0ba902b7",
      start_time: "2023-11-14T22:13:20.000000001Z",
      received_time: "2023-11-14T22:13:20.000000001Z",
      resource: { "service.name": "shop" },
      scope: { name: "lib", version: "2", attributes: { a: true } },
      attributes: { "otlp.kind": 3, "otlp.trace_state": "a=b" },
    });
  });

  it("keeps what OTLP says beside the attributes, where it is set", () => {
    const link = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", flags: 1 };
    const of = (schemaUrl: string, more: object) => ({
      ...more,
      schemaUrl,
      scopeSpans: [
        {
          ...more,
          schemaUrl: `${schemaUrl}-scope`,
          spans: [span({ flags: 257, links: [link, { ...link, flags: 0 }] })],
        },
      ],
    });
    const resource = { attributes: [], droppedAttributesCount: 2 };
    const { records } = frame({
      resourceSpans: [
        of("a", {}),
        of("b", {}),
        of("c", { resource, scope: { name: "lib", droppedAttributesCount: 3 } }),
      ],
    });
    expect(records.map(({ facts }) => ({ resource: { ...facts.resource }, scope: facts.scope }))).toMatchObject([
      { resource: { "otlp.schema_url": "a" }, scope: { attributes: { "otlp.schema_url": "a-scope" } } },
      { resource: { "otlp.schema_url": "b" }, scope: { attributes: { "otlp.schema_url": "b-scope" } } },
      {
        resource: { "otlp.schema_url": "c", "otlp.dropped_attributes_count": 2 },
        scope: { name: "lib", attributes: { "otlp.schema_url": "c-scope", "otlp.dropped_attributes_count": 3 } },
      },
    ]);
    expect(records[0]?.facts.attributes["otlp.flags"]).toBe(257);
    expect(records[0]?.facts.links).toMatchObject([{ flags: 1 }, {}]);
    expect(records[0]?.facts.links[1]).not.toHaveProperty("flags");
    expect(frame(request(span({}))).records[0]?.facts).toMatchObject({
      attributes: {},
      scope: { attributes: { a: true } },
    });
  });

  it("keeps every kind of value, exactly", () => {
    const value = (key: string, of: object) => ({ key, value: of });
    const attributes = [
      value("int", { intValue: "42" }),
      value("big", { intValue: "9007199254740993" }),
      value("double", { doubleValue: 0.1 }),
      value("nan", { doubleValue: "NaN" }),
      value("bytes", { bytesValue: "AQI=" }),
      value("list", { arrayValue: { values: [{ stringValue: "x" }, { boolValue: false }] } }),
      value("map", { kvlistValue: { values: [value("__proto__", { intValue: 1 })] } }),
      value("__proto__", { stringValue: "hostile" }),
      { key: "empty" },
    ];
    const facts = frame(request(span({ attributes }))).records[0]?.facts;
    expect(JSON.parse(JSON.stringify(facts?.attributes))).toEqual(
      JSON.parse(
        '{"int":42,"big":{"int64":"9007199254740993"},"double":0.1,"nan":{"double":"NaN"},"bytes":{"bytes":"AQI="},"list":["x",false],"map":{"__proto__":1},"__proto__":"hostile","empty":null}',
      ),
    );
  });

  it("leaves out what the receiver refused, and nothing else", () => {
    const { records } = frame(request(span({ spanId: "00" }), span({ name: "good" })));
    expect(records.map(({ facts }) => facts.name)).toEqual(["good"]);
  });

  it("makes records that fit the schema", () => {
    const events = [{ name: "exception", timeUnixNano: "18446744073709551615", attributes: [] }];
    const { facts } =
      frame(
        request(span({ events, links: [{ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" }] })),
      ).records[0] ?? {};
    expect(record.safeParse({ ...facts, payloads: {}, conflict: false }).error).toBeUndefined();
  });
});
