import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCorpus } from "./corpus.ts";
import { fuzz } from "./fuzz-run.ts";
import { startRowStore } from "./row-store.ts";
import { createTargets } from "./targets.ts";

/** The same inputs each time, as many as there is time for. `npm run fuzz` takes others, and more. */
const SEED = 20_261_121;
const TIME_LIMIT_MS = 8_000;

let store: Awaited<ReturnType<typeof startRowStore>>;
beforeAll(async () => {
  store = await startRowStore();
});
afterAll(() => store.stop());

describe("any input", () => {
  it("gets a clear refusal, or becomes records that are written, read back and shown as they are", async () => {
    const corpus = loadCorpus();
    expect(corpus.keys.length).toBeGreaterThan(200);
    const settings = { runs: 3_000, seed: SEED, timeLimitMs: TIME_LIMIT_MS, inputsPerRound: 200, rows: store.rows };
    const report = await fuzz(createTargets(corpus), settings);
    expect(report.failures.map(({ target, message }) => `${target}: ${message}`)).toEqual([]);
    expect([...report.stumbles.keys()]).toEqual([]);
    expect(report.records).toBeGreaterThan(50);
    expect(report.corrections).toBeGreaterThan(10);
    expect(report.refused).toBeGreaterThan(10);
  });
});
