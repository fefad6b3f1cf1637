import { join } from "node:path";
import type { BundleRun, BundleSummary, RunledgerRecord } from "@runledger/contract";
import type { ExportLog } from "./export-log.ts";
import { createOcsfFile } from "./ocsf-file.ts";
import { createPartFile } from "./part-file.ts";
import type { ToldPriceTable } from "./price-tables.ts";
import { createReport } from "./report.ts";
import { runsCsv } from "./runs-csv.ts";
import { createRunsParquet } from "./runs-parquet.ts";
import type { Selection } from "./selection.ts";
import type { TarWriter } from "./tar-writer.ts";
import type { ExportRequest } from "./write-bundle.ts";

/** The same facts in other forms, for tables, SIEMs and people. Not evidence, and marked so. */
export interface DerivedFiles {
  /** In the order of each log, log after log. */
  add(log: ExportLog, index: number, record: RunledgerRecord): Promise<void>;
  /** After the last record, in the order of the bundle. */
  addRun(run: BundleRun): Promise<void>;
  write(tar: TarWriter, summary: BundleSummary, written: Written): Promise<void>;
}

/** What is known only when all else is written. */
export interface Written {
  /** That were not to be had. */
  missingPayloads: number;
  /** That are no selected entry's. */
  unselectedPayloads: number;
  priceTables: readonly ToldPriceTable[];
}

export interface ExportFacts {
  request: ExportRequest;
  logs: readonly ExportLog[];
  selection: Selection;
}

/** @param directory for what must be whole before its size can stand in a tar. The caller removes it. */
export async function createDerivedFiles(directory: string, facts: ExportFacts): Promise<DerivedFiles> {
  const ofSeveral = facts.logs.length > 1;
  const ocsf = createOcsfFile(directory, facts.logs);
  const report = createReport(facts);
  const csv = createPartFile(join(directory, "runs.csv"));
  const { head, line } = runsCsv(ofSeveral);
  await csv.write(head);
  const parquetPath = join(directory, "runs.parquet");
  const parquet = createRunsParquet(parquetPath, ofSeveral);
  return {
    async add(log, index, record) {
      await report.add(log, index, record);
      await ocsf.add(log, index, record);
    },
    async addRun(run) {
      report.addRun(run);
      await parquet.add(run);
      await csv.write(line(run));
    },
    async write(tar, summary, written) {
      await csv.close();
      await parquet.finish();
      await tar.fileFrom("derived/runs.csv", csv.path);
      await tar.fileFrom("derived/runs.parquet", parquetPath);
      await tar.fileFrom("derived/ocsf.jsonl", await ocsf.finish());
      const page = createPartFile(join(directory, "report.html"));
      for (const piece of report.html(summary, written)) await page.write(piece);
      await page.close();
      await tar.fileFrom("derived/report.html", page.path);
    },
  };
}
