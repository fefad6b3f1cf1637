import { expect, it } from "vitest";
import { runledger, startProduct, temporaryDir } from "../support/product.ts";
import { type BigRunFigures, longHistory, MAX_REQUEST_BYTES, manySpans, requestAtTheLimit } from "./big-runs.ts";

/** Memory grows with the largest request, not with the run: its text is held a few times, and V8 is in no hurry where there is room. */
const MAX_PRODUCT_BYTES = 64 * MAX_REQUEST_BYTES;
const MEGABYTE = 1_000_000;

it("takes and shows 100,000 spans in a run, messages of 10 MB, histories of 1,000 steps and a request of 64 MiB, in bounded memory", async () => {
  const home = await temporaryDir("big-runs");
  const product = await startProduct(home.dir);
  const all: BigRunFigures[] = [];
  try {
    all.push(await manySpans(product, 100_000));
    all.push(await longHistory(product, { steps: 6, messageBytes: 10 * MEGABYTE, checked: [0, 1, 2, 3, 4, 5] }));
    const checked = [0, 1, 62, 63, 64, 65, 127, 128, 500, 640, 997, 998, 999];
    all.push(await longHistory(product, { steps: 1_000, messageBytes: 2_000, checked }));
    all.push(await requestAtTheLimit(product));
    for (const { peakProductBytes } of all) expect(peakProductBytes).toBeLessThan(MAX_PRODUCT_BYTES);
    await product.stop();
    const policy = await runledger(["policy"], { RUNLEDGER_DATA_DIR: home.dir });
    const key = /^log (\S+)/m.exec(policy.stdout)?.[1] ?? "";
    expect(await runledger(["verify", home.dir, "--key", key])).toMatchObject({ code: 0 });
  } finally {
    process.stderr.write(`${table(all)}\n`);
    await product.kill();
    await home.remove();
  }
});

function table(all: readonly BigRunFigures[]): string {
  const rows = all.map(({ what, sentBytes, seconds, slowestReadMs, peakProductBytes, peakClickHouseBytes }) => {
    const [sent, product, clickhouse] = [sentBytes, peakProductBytes, peakClickHouseBytes].map((bytes) =>
      Math.round(bytes / MEGABYTE),
    );
    return `| ${what} | ${sent} | ${seconds.toFixed(1)} | ${Math.round(slowestReadMs)} | ${product} | ${clickhouse} |`;
  });
  return ["| what | sent MB | taken in s | slowest read ms | peak MB | ClickHouse MB |", ...rows].join("\n");
}
