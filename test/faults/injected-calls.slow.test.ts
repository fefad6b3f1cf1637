import { expect, test } from "vitest";
import { hasStrace, injectCalls } from "./injected-calls.ts";

test.skipIf(!hasStrace())(
  "a kill or an I/O error at every call of the journal, the log and the keys loses nothing (needs strace: apt-get install strace)",
  async () => {
    const { points, ended, acknowledged, faults } = await injectCalls(1);
    const what = `${points} points, ${ended} ended the process, ${acknowledged} requests acknowledged`;
    process.stdout.write(`calls failed or killed at: ${what}, ${faults.length} faults\n`);
    expect(faults).toEqual([]);
    expect(points).toBeGreaterThan(400);
  },
  7_200_000,
);
