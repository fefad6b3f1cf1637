import { expect, test } from "vitest";
import { createSeenRecords } from "./seen-records.ts";

const of = (span: string, record_id: string, tenant = "t", event = "step") => ({
  tenant,
  record_id,
  trace_id: "trace",
  step_id: span,
  event,
});

test("the same record again is a duplicate, another of its span a conflict, and that again a duplicate", () => {
  const seen = createSeenRecords(100);
  const answers = [of("1", "a"), of("1", "a"), of("1", "b"), of("1", "b"), of("1", "a"), of("2", "a")].map(
    seen.classify,
  );
  expect(answers).toEqual(["new", "duplicate", "conflict", "duplicate", "duplicate", "new"]);
});

test("another tenant's span of the same id is another span", () => {
  const seen = createSeenRecords(100);
  expect([of("1", "a", "t"), of("1", "a", "u"), of("1", "b", "v")].map(seen.classify)).toEqual(["new", "new", "new"]);
});

test.each(["log", "metric"])("a %s is a duplicate of itself only, never in conflict", (event) => {
  const seen = createSeenRecords(100);
  const records = [
    of("1", "a"),
    of("1", "b", "t", event),
    of("1", "c", "t", event),
    of("1", "b", "t", event),
    of("1", "a"),
  ];
  expect(records.map(seen.classify)).toEqual(["new", "new", "new", "duplicate", "duplicate"]);
});

test("at least the last half of the limit is remembered, and never more than the limit", () => {
  const seen = createSeenRecords(10);
  const spans = Array.from({ length: 100 }, (_, i) => of(String(i), "a"));
  for (const span of spans) seen.classify(span);
  expect(spans.slice(-5).map(seen.classify)).toEqual(Array(5).fill("duplicate"));
  expect(seen.classify(of("0", "a"))).toBe("new");
});
