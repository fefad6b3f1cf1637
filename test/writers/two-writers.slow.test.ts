import { expect, test } from "vitest";
import { inEveryOrder, inRandomOrders, withFaults } from "./races.ts";

test("two writers that are started again when they lose, in every order of their writes", async () => {
  const { runs, lost } = await inEveryOrder(1);
  process.stdout.write(`two writers, every order of their writes: ${runs} orders, ${lost} superseded\n`);
  expect(runs).toBeGreaterThan(5_000);
}, 3_600_000);

test("10,000 random orders, with and without faults", async () => {
  const calm = await inRandomOrders(5_000);
  const faulty = await withFaults(5_000);
  process.stdout.write(`two writers: ${JSON.stringify({ calm, faulty })}\n`);
  expect(calm.runs + faulty.runs).toBe(10_000);
}, 7_200_000);
