import { expect, test } from "vitest";
import { BREAKS } from "./history.ts";
import { runSimulation } from "./run-simulation.ts";

const SEEDS = 100;

test(`${SEEDS} histories of two collectors, their disks, clocks and store: nothing acknowledged is lost, one history is signed`, async () => {
  const { code, output } = await runSimulation(["--seeds", String(SEEDS)]);
  process.stdout.write(`simulated: ${output}`);
  expect(output).toContain(`"histories":${SEEDS}`);
  expect(code).toBe(0);
}, 600_000);

test.each(BREAKS)(
  "what is made wrong on purpose is found: %s",
  async (what) => {
    const { code, output } = await runSimulation(["--seeds", "100", "--break", what]);
    expect(output).toContain(`again: npm run simulate -- --seed `);
    expect(code).toBe(1);
    process.stdout.write(`broken on purpose (${what}): ${output.split(":")[0]}\n`);
  },
  300_000,
);
