import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryDir } from "../support/product.ts";
import { killNine } from "./kill-nine.ts";

const ROUNDS = Number(process.env["TEST_ROUNDS"] ?? 50);
let home: Awaited<ReturnType<typeof temporaryDir>>;
beforeAll(async () => {
  home = await temporaryDir("kill-nine-slow");
});
afterAll(() => home.remove());

it(`loses nothing that was acknowledged and counts nothing twice over ${ROUNDS} kill -9 under load`, async () => {
  const settings = {
    dataDir: home.dir,
    rounds: ROUNDS,
    senders: 8,
    spansPerRequest: 20,
    maxLifeMs: 4_000,
    restMs: 50,
    random: Math.random,
  };
  const result = await killNine({ ...settings, log: (line) => process.stderr.write(`${line}\n`) });
  process.stderr.write(`${JSON.stringify(result)}\n`);
  expect(result.spans).toBeGreaterThan(10_000);
}, 3_600_000);
