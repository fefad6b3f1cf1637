import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BundleRun } from "@runledger/contract";
import { parquetReadObjects } from "hyparquet";
import { expect, test } from "vitest";
import { createRunsParquet } from "./runs-parquet.ts";

test("a sum that no INT64 holds is unknown in the table, and keeps no bundle from being made", async () => {
  const directory = await mkdtemp(join(tmpdir(), "runledger-parquet-"));
  try {
    const file = join(directory, "runs.parquet");
    const run = { run_id: "r", input_tokens: 2 ** 53 * 1_025, output_tokens: 2 ** 53 - 1 } as BundleRun;
    const parquet = createRunsParquet(file, false);
    await parquet.add({ ...run, models: [], tools: [], gaps: [] });
    await parquet.finish();
    const bytes = new Uint8Array(await readFile(file));
    expect(await parquetReadObjects({ file: bytes.buffer })).toMatchObject([
      { run_id: "r", input_tokens: null, output_tokens: 2n ** 53n - 1n },
    ]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
