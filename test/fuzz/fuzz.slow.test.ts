import { expect, it } from "vitest";
import { loadCorpus } from "./corpus.ts";
import { fuzz } from "./fuzz-run.ts";
import { fuzzLive } from "./live.ts";
import { startRowStore } from "./row-store.ts";
import { createTargets } from "./targets.ts";

/** Of the heap, which must not grow with the number of inputs. */
const MAX_GROWTH_MB = 100;

it("no input of a hundred thousand breaks a promise, or stays in memory", async () => {
  const store = await startRowStore();
  try {
    const seed = Date.now() % 1_000_000;
    const settings = { runs: 100_000, seed, timeLimitMs: 1_800_000, rows: store.rows };
    const report = await fuzz(createTargets(loadCorpus()), settings);
    expect(report.failures).toEqual([]);
    const [before, after] = report.heapMb;
    expect(after - before).toBeLessThan(MAX_GROWTH_MB);
  } finally {
    await store.stop();
  }
});

it("a running product answers thousands of broken requests, and takes every good one between them", async () => {
  expect(await fuzzLive(loadCorpus(), { requests: 5_000, seed: Date.now() % 1_000_000 })).toContain("HTTP 200");
});
