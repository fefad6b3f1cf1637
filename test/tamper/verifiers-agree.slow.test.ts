import { expect, test } from "vitest";
import { formatReport, searchForDisagreement } from "./agree-run.ts";

/** AGREE_SEED, AGREE_CASES (of each kind) and AGREE_KIND make what a failure tells of again, or more of it. */
const { AGREE_SEED, AGREE_CASES = "1000", AGREE_KIND } = process.env;

test("two verifiers say the same of thousands of cases", async () => {
  const seed = AGREE_SEED === undefined ? Date.now() % 2 ** 31 : Number(AGREE_SEED);
  const kinds = AGREE_KIND === undefined ? {} : { kinds: [AGREE_KIND] };
  const report = await searchForDisagreement({ seed, cases: Number(AGREE_CASES), timeLimitMs: 3_000_000, ...kinds });
  process.stdout.write(`seed ${seed}: ${formatReport(report)}`);
  expect(report.disagreed).toEqual([]);
});
