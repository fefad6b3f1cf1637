import { createHash } from "node:crypto";
import type { SpanOrigin } from "@runledger/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import { normalizeSpan } from "./normalize-span.ts";
import { recordIdOf as recordId } from "./record-id.ts";
import { keyShapeOf, SpanAttributes } from "./span-attributes.ts";
import type { SpanView } from "./span-view.ts";

const ORIGIN: SpanOrigin = { resource: {}, resourceSha256: "0".repeat(64), scope: { name: "s", version: "1" } };

function spanWith(attributes: ReadonlyMap<string, unknown>, more: Partial<SpanView> = {}): SpanView {
  return {
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    parentSpanId: null,
    name: "n",
    startTime: "2026-01-01T00:00:00.000000000Z",
    endTime: "2026-01-01T00:00:01.000000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes,
    events: [],
    links: [],
    ...more,
  };
}

/** Texts that could be taken for how another value is written, and such that are hashed for themselves. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('"', ":", "#", "*", "{", "1", "0", "\ud800", "�") }),
  fc.constantFrom("1", '"1:1', "#1", "[1]", "null", "x".repeat(1_001), "y".repeat(1_001)),
);
const value = fc.oneof(
  text,
  fc.constantFrom(0, 1, 1.5, -1, 1e300),
  fc.boolean(),
  fc.constantFrom(null, [1], { a: 1 }, ["1"]),
);
const keys = ["a", "b", "c"] as const;
const span = fc
  .record({
    values: fc.array(value, { maxLength: 3 }),
    name: text,
    statusMessage: text,
    scope: fc.record({ name: text, version: text }),
    events: fc.constantFrom([], [{ name: "e", time: "1", attributes: {} }]),
    links: fc.constantFrom([], ["l"]),
  })
  .map(({ values, scope, ...more }) => ({
    view: spanWith(new Map(values.map((one, at) => [keys[at] as string, one])), more),
    origin: { ...ORIGIN, scope },
    told: JSON.stringify([values, scope, more]),
  }));

test("what verifiers hold a record that is told again against is of every version the same", () => {
  // Of a numbered record that comes once more, another hash or status is INCOMPLETE (contract/src/log/told-again.ts): when a mapping changes one of these,
  // records that an older collector took and a newer one takes again would be called forged. Then `identityOf` must leave it out.
  const given = new Map<string, unknown>([
    ["runledger.run.id", "r"],
    ["runledger.run.seq", 1],
    ["gen_ai.operation.name", "execute_tool"],
    ["gen_ai.tool.name", "search"],
    ["gen_ai.tool.call.arguments", '{ "b": 1.0, "a": "ö" }'],
    ["gen_ai.tool.call.result", '{ "found": [1, 2] }'],
  ]);
  const received = { tenant: "default", receivedTime: "2026-01-01T00:00:02.000000000Z" };
  const view = spanWith(SpanAttributes.from(given));
  const { facts } = normalizeSpan(view, ORIGIN, received, () => null);
  expect(facts).toMatchObject({ run_id: "r", run_seq: 1, event: "step", status: "unset" });
  expect(facts.tool).toMatchObject({
    name: "search",
    arguments_sha256: createHash("sha256").update('{"a":"ö","b":1}').digest("hex"),
    result_sha256: createHash("sha256").update('{ "found": [1, 2] }').digest("hex"),
  });
});

test("spans that differ in anything have different ids, and those that don't have one", () => {
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(span, ({ view, origin, told }) => {
      const id = recordId(view, origin);
      expect(seen.get(id) ?? told).toBe(told);
      expect(recordId({ ...view, attributes: new Map(view.attributes) }, origin)).toBe(id);
      seen.set(id, told);
    }),
    { numRuns: 3_000 },
  );
  expect(new Set(seen.values()).size).toBe(seen.size);
});

test("the same values under other keys, with or without what others remembered of the keys, are another span", () => {
  const ids = [["a", "b"], ["a", "c"], ["b", "c"], ["a"]].map((some) => {
    const shape = keyShapeOf(some);
    const of = (attributes: ReadonlyMap<string, unknown>) => recordId(spanWith(attributes), ORIGIN);
    const id = of(new SpanAttributes(shape, some.map(String)));
    const again = of(new SpanAttributes(shape, some.map(String)));
    expect(again).toBe(id);
    expect(of(new Map(some.map((key) => [key, key])))).toBe(id);
    return id;
  });
  expect(new Set(ids).size).toBe(4);
});

test("no text runs into the next: of all pairs of short ones each is another span, wherever they stand", () => {
  const letters = ["", '"', "1", ":", "#", "*"];
  const texts = [...new Set(letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => a + b + c))))];
  const pairs = texts.flatMap((a) => texts.map((b): [string, string] => [a, b]));
  const idsOf = (of: (a: string, b: string) => string) => new Set(pairs.map(([a, b]) => of(a, b))).size;
  const shape = keyShapeOf(["a", "b"]);
  expect(idsOf((a, b) => recordId(spanWith(new SpanAttributes(shape, [a, b])), ORIGIN))).toBe(pairs.length);
  expect(idsOf((name, statusMessage) => recordId(spanWith(new Map(), { name, statusMessage }), ORIGIN))).toBe(
    pairs.length,
  );
  expect(idsOf((name, version) => recordId(spanWith(new Map()), { ...ORIGIN, scope: { name, version } }))).toBe(
    pairs.length,
  );
});
