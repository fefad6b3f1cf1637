import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { type BundleRun, type BundleSummary, canonicalJson, type RunledgerRecord } from "@runledger/contract";
import type { ExportLog } from "./export-log.ts";
import { ocsfEvent } from "./ocsf.ts";
import type { PayloadCollector } from "./payload-files.ts";
import { createReport } from "./report.ts";
import { runsCsv } from "./runs-csv.ts";
import { writeRunsParquet } from "./runs-parquet.ts";
import type { Selection } from "./selection.ts";
import type { TarWriter } from "./tar-writer.ts";
import type { ExportRequest } from "./write-bundle.ts";

/** The same facts in other forms, for tables, SIEMs and people. Not evidence, and marked so. */
export interface DerivedFiles {
  /** In the order of the log. */
  add(index: number, record: RunledgerRecord): Promise<void>;
  write(tar: TarWriter, runs: Iterable<BundleRun>, summary: BundleSummary, payloads: PayloadCollector): Promise<void>;
}

export interface ExportFacts {
  request: ExportRequest;
  log: ExportLog;
  selection: Selection;
}

/** @param directory for what must be whole before its size can stand in a tar. The caller removes it. */
export async function createDerivedFiles(directory: string, facts: ExportFacts): Promise<DerivedFiles> {
  const ocsfPath = join(directory, "ocsf.jsonl");
  const ocsf = createWriteStream(ocsfPath, { flags: "wx", mode: 0o600 });
  const done = finished(ocsf);
  done.catch(() => undefined); // seen where it is awaited
  const report = createReport(facts);
  return {
    async add(index, record) {
      await report.add(index, record);
      const event = ocsfEvent(index, record);
      if (event !== null) await writeText(ocsf, `${canonicalJson(event)}\n`, done);
    },
    async write(tar, runs, summary, payloads) {
      ocsf.end();
      await done;
      const all = [...runs];
      await tar.file("derived/runs.csv", runsCsv(all));
      const parquetPath = join(directory, "runs.parquet");
      writeRunsParquet(parquetPath, all);
      await tar.fileFrom("derived/runs.parquet", parquetPath);
      await tar.fileFrom("derived/ocsf.jsonl", ocsfPath);
      const reportPath = join(directory, "report.html");
      await writeFile(reportPath, report.html(all, summary, payloads), { mode: 0o600 });
      await tar.fileFrom("derived/report.html", reportPath);
    },
  };
}

async function writeText(stream: WriteStream, text: string, done: Promise<void>): Promise<void> {
  if (stream.write(text)) return;
  await Promise.race([once(stream, "drain"), done]);
}
