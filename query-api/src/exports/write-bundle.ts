import { randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import {
  BUNDLE_FILES,
  type BundledLog,
  type BundleSummary,
  type CountingRules,
  createEntrySums,
  createRunsJson,
  type ExportFilter,
  formatManifest,
  logFolder,
  manifestOf,
  summaryJson,
} from "@runledger/contract";
import { createDerivedFiles } from "./derived-files.ts";
import { findExplainingActs } from "./explaining-acts.ts";
import { type ExportLog, keysAsRecorded } from "./export-log.ts";
import { createPartFile, removePartFiles } from "./part-file.ts";
import type { ToldPriceTable } from "./price-tables.ts";
import { bundleReadme } from "./readme.ts";
import { type Selection, selectEntries } from "./selection.ts";
import { createSortedRuns } from "./sorted-runs.ts";
import { createTarWriter, type TarWriter, tarFolder } from "./tar-writer.ts";
import { type WritingOfLogs, writeLog } from "./write-log.ts";

/** What is exported, for whom, and by whom. */
export interface ExportRequest {
  exportId: string;
  createdTime: string;
  exporter: { key_id: string | null; name: string };
  recipient: string;
  reason: string | null;
  filter: ExportFilter;
  tenant: string;
  content: boolean;
  /** Rules, retention and limits in force, as far as the exporter knows them. */
  policies: object;
  priceTables: (used: BundleSummary["price_tables"]) => Promise<ToldPriceTable[]>;
  /** `anchors.json`: what the directory, witnesses and time stamps say of the logs; null: nothing. */
  anchors: string | null;
}

/** Entries: those read of the logs, and those put into the bundle. */
export interface ExportProgress {
  stage: "selecting" | "writing";
  scanned: number;
  total: number;
  entries: number;
  bytes: number;
}

export interface ExportResult {
  sizeBytes: number;
  sha256: string;
  summary: BundleSummary;
  /** Payloads that were not to be had. */
  missingPayloads: number;
  /** Data keys whose contents are in the bundle: an erasure of one of them is about it, too. */
  openedKeyIds: ReadonlySet<string>;
}

interface Writing extends WritingOfLogs {
  logs: readonly ExportLog[];
  tar: TarWriter;
  /** A directory for what must be whole before its size can stand in the tar. */
  parts: string;
}

/**
 * Writes a bundle (docs/bundle.md) to a new file: of one log, or of several, each in a folder. The logs are read twice: to select, and to write; those
 * of which keys were destroyed once more. Memory is bounded by a file's worth of entries and payloads, whatever the number of runs, and grows by some 20
 * bytes an entry and payload. A crash leaves a part of the file and a directory `parts-…` beside it.
 */
export async function writeBundle(
  stored: readonly ExportLog[],
  request: ExportRequest,
  target: string,
  signal: AbortSignal,
  onProgress: (progress: ExportProgress) => void,
): Promise<ExportResult> {
  const total = stored.reduce((sum, { checkpoint: { size } }) => sum + size, 0);
  const selecting = (scanned: number): void => onProgress({ stage: "selecting", scanned, total, entries: 0, bytes: 0 });
  const selection = await selectEntries(stored, request.filter, request.tenant, signal, selecting);
  const openedKeyIds = new Set<string>();
  const logs = stored.map((log) => ({
    ...log,
    findKey: keysAsRecorded(log.findKey, selection.destroyed, openedKeyIds),
  }));
  const explaining = request.content
    ? await findExplainingActs(logs, selection, request.tenant, signal, selecting)
    : { isExplaining: () => false, keyIds: new Set<string>() };
  const parts = await mkdtemp(join(dirname(target), "parts-"));
  const tar = await createTarWriter(target);
  try {
    const derived = await createDerivedFiles(parts, { request, logs, selection });
    const rules: CountingRules = { ofSeveral: logs.length > 1, sums: 2 };
    const sums = createEntrySums(randomBytes(16), rules);
    const runs = createSortedRuns(parts, rules);
    const counts = { scanned: 0, entries: 0, missingPayloads: 0, unselectedPayloads: 0 };
    const report = (): void =>
      onProgress({
        stage: "writing",
        scanned: counts.scanned,
        total,
        entries: counts.entries,
        bytes: tar.writtenBytes,
      });
    const writing: Writing = {
      ...{ logs, request, selection, explaining, tar, parts, derived, sums, runs, counts, signal, report },
    };
    const summary = await writeFiles(writing);
    return { ...(await tar.finish()), summary, missingPayloads: counts.missingPayloads, openedKeyIds };
  } catch (error) {
    await tar.abandon().catch(() => undefined); // what failed before tells more
    throw error;
  } finally {
    await removePartFiles(parts);
  }
}

async function writeFiles(writing: Writing): Promise<BundleSummary> {
  const { logs, request, selection, tar, derived, sums, counts } = writing;
  const manifest = manifestOf(
    {
      export_id: request.exportId,
      created_time: request.createdTime,
      exporter: request.exporter,
      recipient: request.recipient,
      reason: request.reason,
      filter: request.filter,
      tenant: request.tenant,
      content: request.content,
      runs: selection.runIds?.size ?? null,
    },
    logs.map((log, i) => bundledLog(log, selection, i)),
  );
  await tar.file(BUNDLE_FILES.readme, bundleReadme(manifest));
  await tar.file(BUNDLE_FILES.manifest, formatManifest(manifest));
  const folderOf = ({ shard }: ExportLog) => tarFolder(tar, logs.length === 1 ? "" : logFolder(shard));
  for (const log of logs) await folderOf(log).file(BUNDLE_FILES.checkpoint, log.note);
  if (request.anchors !== null) await tar.file(BUNDLE_FILES.anchors, request.anchors);
  for (const [i, log] of logs.entries()) await writeLog(writing, log, i, folderOf(log));
  const runs = await writeRuns(writing);
  await tar.fileFrom(BUNDLE_FILES.runs, runs.path);
  const summary = sums.summary(runs.count);
  await tar.file(BUNDLE_FILES.summary, summaryJson(summary));
  const priceTables = await request.priceTables(summary.price_tables);
  const policies = { ...request.policies, price_tables: priceTables };
  await tar.file(BUNDLE_FILES.policies, `${JSON.stringify(policies, null, 2)}\n`);
  await derived.write(tar, summary, { ...counts, priceTables });
  return summary;
}

/** All files with a line or row a run, in one go. @returns `runs.json`. */
async function writeRuns({ parts, runs, derived, signal }: Writing): Promise<{ path: string; count: number }> {
  const file = createPartFile(join(parts, "runs.json"));
  const json = createRunsJson();
  let count = 0;
  for await (const run of runs.all()) {
    // Others are served in between.
    if (count++ % 256 === 0) await setImmediate();
    signal.throwIfAborted();
    await file.write(json.add(run));
    await derived.addRun(run);
  }
  await file.write(json.end());
  await file.close();
  return { path: file.path, count };
}

function bundledLog({ shard, checkpoint, sinceCheckpoint }: ExportLog, { logs }: Selection, i: number): BundledLog {
  const { kind = "log", range = null, hidden = null } = logs[i] ?? {};
  const { origin, size } = checkpoint;
  return { origin, shard, tree_size: size, selection: kind, range, hidden, since_checkpoint: sinceCheckpoint };
}
