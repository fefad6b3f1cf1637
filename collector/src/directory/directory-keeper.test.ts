import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type DirectoryKeeper, startDirectoryKeeper } from "./directory-keeper.ts";
import type { DirectoryLog } from "./directory-log.ts";

const HOUR_MS = 3_600_000;
const SOON = { timeout: 10_000, interval: 5 };

function keeperOf(
  directory: DirectoryLog,
  witness: () => Promise<string[]> = async () => [],
  intervalMs = HOUR_MS,
): DirectoryKeeper {
  const logger = { warn: () => undefined };
  const nothing = { round: async () => [] };
  return startDirectoryKeeper(
    { directory, watch: nothing, headWork: [{ round: witness }], now: Date.now, logger },
    { intervalMs },
  );
}

test("a first head is recorded at once, once, however often it is told of; the next ones each interval", async () => {
  let rounds = 0;
  const count = async (): Promise<string[]> => {
    rounds++;
    return [];
  };
  const keeper = keeperOf({ record: count });
  await expect.poll(() => rounds, SOON).toBe(1);
  keeper.headStands();
  keeper.headStands();
  await expect.poll(() => rounds, SOON).toBe(2);
  keeper.headStands();
  await sleep(50);
  expect(rounds).toBe(2);
  await keeper.stop(1_000);
});

test("a head after a quiet interval is recorded at once, too", async () => {
  let rounds = 0;
  const count = async (): Promise<string[]> => {
    rounds++;
    return [];
  };
  const keeper = keeperOf({ record: count }, undefined, 1_500);
  await expect.poll(() => rounds, SOON).toBe(1);
  keeper.headStands();
  await expect.poll(() => rounds, SOON).toBe(3);
  keeper.headStands();
  await expect.poll(() => rounds, { timeout: 1_000, interval: 5 }).toBe(4);
  await keeper.stop(1_000);
});

test("a head that comes to be while a round is under way has a round of its own", async () => {
  let rounds = 0;
  const first = Promise.withResolvers<string[]>();
  const keeper = keeperOf({ record: () => (++rounds === 1 ? first.promise : Promise.resolve([])) });
  keeper.headStands();
  first.resolve([]);
  await expect.poll(() => rounds, SOON).toBe(2);
  await keeper.stop(1_000);
});

test("a stop records the shards' end though a witness does not answer", async () => {
  let rounds = 0;
  const count = async (): Promise<string[]> => {
    rounds++;
    return [];
  };
  const keeper = keeperOf({ record: count }, () => new Promise(() => undefined));
  await expect.poll(() => rounds, SOON).toBe(1);
  await keeper.stop(100);
  expect(rounds).toBe(2);
});
