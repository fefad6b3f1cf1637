import { afterAll, beforeAll, expect, test } from "vitest";
import { tryEachWrite } from "./store-writes.ts";

const EVERY_NTH_RUN = 89;

beforeAll(() => {
  process.env["AWS_ACCESS_KEY_ID"] = "test";
  process.env["AWS_SECRET_ACCESS_KEY"] = "testtest";
});
afterAll(() => {
  delete process.env["AWS_ACCESS_KEY_ID"];
  delete process.env["AWS_SECRET_ACCESS_KEY"];
});

test("writes to S3 that are lost, done but reported as failed, refused or late: all is repeated, and the store verifies", async () => {
  const { writes, runs, faults } = await tryEachWrite(EVERY_NTH_RUN);
  process.stdout.write(`writes to S3: ${runs} runs over ${writes} writes, ${faults.length} faults\n`);
  expect(faults).toEqual([]);
  expect(writes).toBeGreaterThan(20);
}, 600_000);
