import { expect, it } from "vitest";
import { record } from "./record.ts";

it("keeps attributes by whatever name they were sent", () => {
  const sent = '{"__proto__":{"a":1},"constructor":2}';
  expect(JSON.stringify(record.shape.attributes.parse(JSON.parse(sent)))).toBe(sent);
  expect(record.shape.attributes.safeParse([]).success).toBe(false);
});
