import { expect, it } from "vitest";
import { plain } from "./plain.ts";
import { createAttributeReader } from "./span-view.ts";

function read(attributes: Record<string, unknown>) {
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: null,
    name: "GET /orders",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(Object.entries(attributes)),
    events: [],
    links: [],
  };
  const reader = createAttributeReader(span.attributes);
  const facts = plain.read(span, reader, { name: "http", version: "" });
  return { ...facts, rest: reader.rest() };
}

it("is a step of kind other under its own name, with all its attributes", () => {
  const attributes = { "http.method": "GET", "db.statement": "SELECT 1" };
  expect(read(attributes)).toMatchObject({ event: "step", kind: "other", name: "GET /orders", llm: null, content: {} });
  expect(read(attributes).rest).toEqual(attributes);
});

it("knows what went in and came out", () => {
  expect(read({ "input.value": '{"a":1}', "output.value": "fine", "http.method": "GET" })).toMatchObject({
    content: { input: '{"a":1}', output: '"fine"' },
    rest: { "http.method": "GET" },
  });
});
