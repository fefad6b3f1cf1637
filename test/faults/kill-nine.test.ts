import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryDir } from "../support/product.ts";
import { killNine } from "./kill-nine.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
beforeAll(async () => {
  home = await temporaryDir("kill-nine");
});
afterAll(() => home.remove());

const ROUNDS = 2;

it(`loses nothing that was acknowledged and counts nothing twice over ${ROUNDS} kill -9 under load`, async () => {
  const settings = {
    dataDir: home.dir,
    rounds: ROUNDS,
    senders: 4,
    spansPerRequest: 20,
    maxLifeMs: 2_000,
    restMs: 0,
    random: Math.random,
  };
  const result = await killNine({ ...settings, log: (line) => process.stderr.write(`${line}\n`) });
  expect(result.spans).toBeGreaterThan(0);
}, 180_000);
