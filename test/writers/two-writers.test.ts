import { expect, test } from "vitest";
import { inEveryOrder, inRandomOrders, withFaults } from "./races.ts";

test("two writers of one shard, in every order of their writes: one history, each record once", async () => {
  const { runs, lost } = await inEveryOrder(0);
  process.stdout.write(`two writers, every order of their writes: ${runs} orders, ${lost} superseded\n`);
  expect(runs).toBeGreaterThan(10);
  expect(lost).toBeGreaterThan(10);
}, 300_000);

test("in random orders of all their calls, over the edge of a tile, with records that came to both", async () => {
  const { runs, lost } = await inRandomOrders(60);
  process.stdout.write(`two writers, random orders: ${runs} seeds, ${lost} superseded\n`);
  expect(lost).toBeGreaterThan(runs / 2);
}, 300_000);

test("with writes that are lost, or done and their answer lost", async () => {
  const { runs, lost, doubts } = await withFaults(60);
  process.stdout.write(`two writers, faults: ${runs} seeds, ${doubts} answers lost, ${lost} superseded\n`);
  expect(doubts).toBeGreaterThan(runs);
}, 300_000);
