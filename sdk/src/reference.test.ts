import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { REFERENCE, writeReference } from "../build/reference.ts";

test("the reference is of the types as they are: else run `npm run docs:sdk`", () => {
  expect(readFileSync(REFERENCE, "utf8")).toBe(writeReference());
});
