import { expect, test } from "vitest";
import { runSimulation } from "./run-simulation.ts";

const SEEDS = 10_000;

test(`${SEEDS} histories of two collectors, their disks, clocks and store: nothing acknowledged is lost, one history is signed`, async () => {
  const { code, output } = await runSimulation(["--seeds", String(SEEDS)]);
  process.stdout.write(`simulated: ${output}`);
  expect(output).toContain(`"histories":${SEEDS}`);
  expect(code).toBe(0);
}, 14_400_000);
