import { canonicalJson } from "@runledger/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AnyValue, KeyValue, Resource } from "../otlp/otlp.ts";
import { sha256Hex } from "./content-hash.ts";
import { createOrigins } from "./otlp-origin.ts";

const value: fc.Arbitrary<AnyValue> = fc.constantFrom<AnyValue>(
  {},
  { stringValue: "" },
  { stringValue: "a" },
  { intValue: 0 },
  { intValue: 1n },
  { boolValue: false },
  { doubleValue: 0 },
  { doubleValue: -0 },
  { doubleValue: Number.NaN },
  { arrayValue: { values: [] } },
  { arrayValue: { values: [{ stringValue: "a" }] } },
  { arrayValue: { values: [{ arrayValue: { values: [{ intValue: 1 }] } }] } },
  { kvlistValue: { values: [] } },
  { kvlistValue: { values: [{ key: "a", value: { stringValue: "a" } }] } },
  { bytesValue: new Uint8Array([1]) },
  { bytesValue: new Uint8Array([2]) },
);
const pair: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.constantFrom("a", "b"),
  value: fc.option(value, { nil: null }),
});
const resource: fc.Arbitrary<Resource | null> = fc.option(
  fc.record({ attributes: fc.array(pair, { maxLength: 2 }), droppedAttributesCount: fc.nat(1) }),
);
const from = fc.record({
  resource,
  resourceSchemaUrl: fc.constantFrom("", "u"),
  scope: fc.constantFrom(null, { name: "s", version: "1", attributes: [], droppedAttributesCount: 0 }),
  scopeSchemaUrl: fc.constantFrom("", "u"),
});

test("an origin made after others is the one that is made alone, whatever they had in common", () => {
  fc.assert(
    fc.property(fc.array(from, { maxLength: 80 }), (list) => {
      const originOf = createOrigins();
      for (const one of list) {
        const origin = originOf(one);
        expect(origin).toEqual(createOrigins()(one));
        expect(origin.resourceSha256).toBe(sha256Hex(canonicalJson(origin.resource)));
      }
    }),
    { numRuns: 300 },
  );
});

test("a resource that came before is converted once, in whatever request it comes again; one with bytes is not kept", () => {
  const originOf = createOrigins();
  const sent = (attribute: AnyValue) => ({
    resource: { attributes: [{ key: "service.name", value: { ...attribute } }], droppedAttributesCount: 0 },
    resourceSchemaUrl: "",
    scope: null,
    scopeSchemaUrl: "",
  });
  const [shop, other] = [{ stringValue: "shop" }, { stringValue: "other" }];
  const first = originOf(sent(shop)).resource;
  expect(originOf(sent(other)).resource).not.toBe(first);
  expect(originOf(sent(shop)).resource).toBe(first);
  const bytes = { bytesValue: new Uint8Array([1]) };
  expect(originOf(sent(bytes)).resource).not.toBe(originOf(sent(bytes)).resource);
});
