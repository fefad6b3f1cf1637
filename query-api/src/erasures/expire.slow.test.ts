import { expect, test } from "vitest";
import { runExpiryHistories } from "./expiry-history.fixture.ts";

const SEEDS = 3_000;

test(`${SEEDS} histories of expiry with wrong clocks, crashes and holds`, async () => {
  const sum = await runExpiryHistories(SEEDS);
  process.stdout.write(`expiry: ${JSON.stringify(sum)}\n`);
  expect(sum.expired).toBeGreaterThan(SEEDS);
}, 14_400_000);
