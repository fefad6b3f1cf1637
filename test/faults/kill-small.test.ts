import { expect, test } from "vitest";
import { killSmall } from "./kill-small.ts";

test("journal and audit log killed with -9 under load: nothing acknowledged is lost or doubled", async () => {
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const { records } = await killSmall({ kills: 8, killsPerDirectory: 8, maxLifeMs: 500, random: Math.random, log });
  expect(records).toBeGreaterThan(0);
}, 300_000);
