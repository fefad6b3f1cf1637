import { rfc3339FromUnixNano } from "@runledger/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonOfAttributes } from "../otlp/attribute-json.ts";
import type { KeyValue, Span } from "../otlp/otlp.ts";
import { sentSpan } from "../otlp/sent-span.ts";
import { createSpanViews } from "./span-of-otlp.ts";

const pair: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.constantFrom("a", "b", "otlp.kind", "__proto__", "10", "9", ""),
  value: fc.oneof(
    fc.integer().map((intValue) => ({ intValue })),
    fc.string({ maxLength: 3 }).map((stringValue) => ({ stringValue })),
  ),
});
const seconds = fc.bigInt({ min: 1_700_000_000n, max: 1_700_000_002n });
const nanos = fc.oneof(fc.constantFrom(0n, 1n, 999_999_999n), fc.bigInt({ min: 0n, max: 999_999_999n }));
const time = fc.oneof(
  fc.tuple(seconds, nanos).map(([second, nano]) => second * 1_000_000_000n + nano),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
);
const span: fc.Arbitrary<Span> = fc.record({
  traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  spanId: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  traceState: fc.constantFrom("", "a=b"),
  parentSpanId: fc.constantFrom(new Uint8Array(0), new Uint8Array(8), new Uint8Array(8).fill(7)),
  flags: fc.nat(1),
  name: fc.string(),
  kind: fc.nat(5),
  startTimeUnixNano: time,
  endTimeUnixNano: time,
  attributes: fc.array(pair, { maxLength: 6 }),
  droppedAttributesCount: fc.nat(1),
  events: fc.constant([]),
  droppedEventsCount: fc.nat(1),
  links: fc.constant([]),
  droppedLinksCount: fc.nat(1),
  status: fc.constantFrom(null, { code: 2, message: "m" }),
});

test("a view made after others is the one that is made alone, whatever they had in common", () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 12 }), (spans) => {
      const viewOf = createSpanViews();
      for (const one of spans) {
        const view = viewOf(sentSpan(one));
        expect({ ...view, attributes: [...view.attributes] }).toEqual(plainView(one));
      }
    }),
    { numRuns: 300 },
  );
});

/** Written down without a thought of speed. */
function plainView(span: Span) {
  const hex = (id: Uint8Array) => Buffer.from(id).toString("hex");
  const attributes = new Map(
    Object.keys(jsonOfAttributes(span.attributes))
      .sort()
      .map((key) => [key, undefined as unknown]),
  );
  for (const { key, value } of span.attributes) attributes.set(key, value?.stringValue ?? value?.intValue);
  for (const [key, value] of [
    ["kind", span.kind],
    ["flags", span.flags],
    ["dropped_attributes_count", span.droppedAttributesCount],
    ["dropped_events_count", span.droppedEventsCount],
    ["dropped_links_count", span.droppedLinksCount],
    ["trace_state", span.traceState],
  ])
    if (value !== 0 && value !== "") attributes.set(`otlp.${key}`, value);
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: span.parentSpanId.some((byte) => byte !== 0) ? hex(span.parentSpanId) : null,
    name: span.name,
    startTime: rfc3339FromUnixNano(span.startTimeUnixNano as bigint),
    endTime: rfc3339FromUnixNano(span.endTimeUnixNano as bigint),
    statusCode: span.status?.code ?? 0,
    statusMessage: span.status?.message ?? "",
    attributes: [...attributes].sort(([a], [b]) => (a < b ? -1 : 1)),
    events: [],
    links: [],
  };
}
