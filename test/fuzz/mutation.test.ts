import { expect, test } from "vitest";
import { type Mutation, mutated } from "./mutation.ts";

test("values that inputs have in common stay as they are: none is put into itself, and a seed makes the same inputs again", () => {
  const value = { stringValue: null };
  const fields = Array.from({ length: 6 }, (_, at): Mutation => ({ kind: "field", at: at + 1, value }));
  for (let first = 0; first < fields.length; first += 1) {
    const changes = [...fields.slice(first), ...fields.slice(0, first)];
    expect(JSON.stringify(mutated('{"a":1}', changes)).length).toBeLessThan(1_000);
  }
  expect(value).toEqual({ stringValue: null });
});
