import { expect, test } from "vitest";
import { hasStrace, injectCalls } from "./injected-calls.ts";

const EVERY_NTH_POINT = 59;

test.skipIf(!hasStrace())(
  "a kill or an I/O error at calls of the journal, the log and the keys loses nothing (needs strace: apt-get install strace)",
  async () => {
    const { points, ended, acknowledged, faults } = await injectCalls(EVERY_NTH_POINT);
    const what = `${points} points, ${ended} ended the process, ${acknowledged} requests acknowledged`;
    process.stdout.write(`calls failed or killed at: ${what}, ${faults.length} faults\n`);
    expect(faults).toEqual([]);
    expect(ended).toBeGreaterThan(points / 4);
    expect(acknowledged).toBeGreaterThan(points / 4);
  },
  600_000,
);
