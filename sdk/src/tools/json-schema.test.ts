import { expect, test } from "vitest";
import { z } from "zod";
import { type JsonSchema, jsonSchemaCheck } from "./json-schema.ts";

const faults = (schema: JsonSchema, value: unknown): string | undefined => {
  const checked = jsonSchemaCheck(schema).check(value);
  return "faults" in checked ? checked.faults : undefined;
};
const a = (schema: object): JsonSchema => ({ type: "object", properties: { a: schema } });

test.each<[string, JsonSchema, unknown, unknown]>([
  ["required without properties", { type: "object", required: ["x"] }, {}, { x: 1 }],
  ["required beside other properties", { ...a({ type: "string" }), required: ["a", "b"] }, { a: "" }, { a: "", b: 0 }],
  ["a bound without a type", a({ minimum: 3 }), { a: 1 }, { a: 3 }],
  ["allOf", a({ allOf: [{ type: "string" }, { minLength: 3 }] }), { a: "x" }, { a: "xxx" }],
  ["not", a({ not: { type: "string" } }), { a: "x" }, { a: 1 }],
  ["if and then", JSON.parse('{"if":{"required":["a"]},"then":{"required":["b"]}}'), { a: 1 }, { a: 1, b: 2 }],
  ["dependentRequired", { ...a({}), dependentRequired: { a: ["b"] } }, { a: 1 }, { a: 1, b: 2 }],
  ["a reference", { ...a({ $ref: "#/$defs/A" }), $defs: { A: { type: "integer" } } }, { a: "x" }, { a: 1 }],
  ["additionalProperties", { ...a({}), additionalProperties: false }, { b: 1 }, { a: 1 }],
  ["an array's items", a({ type: "array", items: { type: "integer" }, minItems: 2 }), { a: [1, "2"] }, { a: [1, 2] }],
  ["a time with an offset", a({ type: "string", format: "date-time" }), { a: "x" }, { a: "2026-01-01T00:00:00+02:00" }],
])("%s: what does not fit is refused in words, what fits is not", (_name, schema, bad, good) => {
  expect(faults(schema, bad)).toMatch(/^✖ .+/);
  expect(faults(schema, good)).toBeUndefined();
});

test("a fault says where, defaults are filled in, and only what is JSON of a value counts", () => {
  expect(faults(a(a({ not: { type: "string" } })), { a: { a: "x" } })).toMatch(/→ at a\.a$/);
  expect(jsonSchemaCheck(a({ type: "integer", default: 3 })).check({})).toEqual({ value: { a: 3 } });
  expect(faults(a({ not: { type: "string" } }), { a: undefined })).toBeUndefined();
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  expect(faults({ type: "object", required: ["a"] }, circular)).toContain("no JSON");
});

test("models are told the schema whole, also of what zod has no words for; one that can't be followed lets nothing through", () => {
  const schema = a({ not: { type: "string" } });
  expect(z.toJSONSchema(jsonSchemaCheck(schema).zod)).toMatchObject(schema);
  expect(faults(a({ $ref: "#/$defs/Gone" }), { a: 1 })).toContain("can't be followed");
});
