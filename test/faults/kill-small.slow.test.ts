import { expect, test } from "vitest";
import { killSmall } from "./kill-small.ts";

const KILLS = Number(process.env["TEST_KILLS"] ?? 1_000);

test(`journal and audit log killed with -9 under load ${KILLS} times: nothing acknowledged is lost or doubled`, async () => {
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const result = await killSmall({ kills: KILLS, killsPerDirectory: 25, maxLifeMs: 800, random: Math.random, log });
  process.stdout.write(`kill -9 of journal and audit log: ${JSON.stringify(result)}\n`);
  expect(result.kills).toBe(KILLS);
}, 14_400_000);
