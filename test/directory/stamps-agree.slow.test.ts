import { expect, test } from "vitest";
import { searchStamps } from "./stamps-agree.ts";

/** STAMPS_SEED and STAMPS_CASES make what a failure tells of again (on other keys), or more of it. */
const { STAMPS_SEED, STAMPS_CASES = "30000" } = process.env;

test("both verifiers take and refuse the same of tens of thousands of changed stamps", async () => {
  const seed = STAMPS_SEED === undefined ? Date.now() % 2 ** 31 : Number(STAMPS_SEED);
  const report = await searchStamps(seed, Number(STAMPS_CASES));
  process.stdout.write(`seed ${seed}: both alike on ${report.asked} changed stamps, ${report.held} of them hold\n`);
  expect(report.disagreed).toEqual([]);
});
