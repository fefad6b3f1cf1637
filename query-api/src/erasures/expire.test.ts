import { expect, test } from "vitest";
import { runExpiryHistories } from "./expiry-history.fixture.ts";

const SEEDS = 12;

test(`${SEEDS} histories with wrong clocks, crashes and holds: nothing is destroyed before its time, nor under a hold, nor unrecorded; what is over goes`, async () => {
  const sum = await runExpiryHistories(SEEDS);
  process.stdout.write(`expiry: ${JSON.stringify(sum)}\n`);
  for (const name of ["expired", "jumps", "crashes", "holds", "tooLate"] as const) expect(sum[name]).toBeGreaterThan(0);
}, 120_000);
