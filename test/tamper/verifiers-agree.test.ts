import { expect, test } from "vitest";
import { formatReport, searchForDisagreement } from "./agree-run.ts";

/** The same cases each time, as many as there is time for. `verifiers-agree.slow.test.ts` takes others, and more. */
const SETTINGS = { seed: 20_261_129, cases: 50, timeLimitMs: 15_000 };

test("two verifiers say the same of whatever somebody, the log's own key included, puts into bundles, policies and checkpoints", async () => {
  const report = await searchForDisagreement(SETTINGS);
  process.stdout.write(formatReport(report));
  expect(report.disagreed).toEqual([]);
  const verdicts = new Set([...report.agreed.values()].flatMap((each) => [...each.keys()]));
  expect([...verdicts]).toEqual(expect.arrayContaining(["VERIFIED", "TAMPERED", "UNREADABLE"]));
}, 120_000);

test.each([
  ["directory", 752_940_633],
  ["ends", 1],
  ["chains", 4],
])("they are alike on what they once differed on: %s %i", async (kind, seed) => {
  const report = await searchForDisagreement({ seed, cases: 1, timeLimitMs: 15_000, kinds: [kind] });
  expect(report.disagreed).toEqual([]);
});
