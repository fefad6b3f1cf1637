import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BundleRun } from "@runledger/contract";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
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

test("rows are written in groups, by their number and by what agents wrote", async () => {
  const directory = await mkdtemp(join(tmpdir(), "runledger-parquet-"));
  try {
    const file = join(directory, "runs.parquet");
    const parquet = createRunsParquet(file, false);
    const run = { models: [], tools: [], gaps: [], steps: 1 };
    const add = (i: number, reason: string | null) =>
      parquet.add({ ...run, run_id: `run ${i}`, reason } as unknown as BundleRun);
    for (let i = 0; i < 12_000; i++) await add(i, null);
    for (let i = 12_000; i < 12_300; i++) await add(i, `${i}`.padEnd(100_000, "x"));
    await parquet.finish();
    const { buffer } = new Uint8Array(await readFile(file));
    const groups = parquetMetadata(buffer).row_groups.map(({ num_rows }) => Number(num_rows));
    expect(groups).toEqual([1_000, 10_000, 1_168, 132]);
    const rows = await parquetReadObjects({ file: buffer, columns: ["run_id", "reason"] });
    expect(rows.map(({ run_id }) => run_id)).toEqual(Array.from({ length: 12_300 }, (_, i) => `run ${i}`));
    expect(rows[12_299]?.["reason"]).toBe("12299".padEnd(100_000, "x"));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
