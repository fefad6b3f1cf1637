import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  BUNDLE_FILES,
  BUNDLE_FORMAT,
  type BundleManifest,
  type BundleSummary,
  createRunFacts,
  type ExportFilter,
  formatManifest,
  formatTlogProof,
  inclusionProof,
  MAX_BUNDLE_PROOFS,
  parseLogEntry,
  proofPath,
  runsJson,
  summaryJson,
} from "@runledger/contract";
import { isConcerned } from "./acts-of-selection.ts";
import { createDerivedFiles, type DerivedFiles } from "./derived-files.ts";
import { createEntryFiles } from "./entry-files.ts";
import { type ExportLog, type ScannedEntry, scanLog } from "./export-log.ts";
import { createPayloadCollector, type PayloadCollector } from "./payload-files.ts";
import { bundleReadme } from "./readme.ts";
import { type Selection, selectEntries } from "./selection.ts";
import { createTarWriter, type TarWriter } from "./tar-writer.ts";
import { createTileFiles } from "./tile-files.ts";

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
  /** Size of a checkpoint that the recipient kept from before. */
  sinceCheckpoint: number | null;
  /** Rules, retention and limits in force, as far as the exporter knows them. */
  policies: object;
  /** `anchors.json`: what the directory, witnesses and time stamps say of the log; null: nothing. */
  anchors: string | null;
}

/** Entries: those read of the log, and those put into the bundle. */
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
}

interface Writing {
  log: ExportLog;
  request: ExportRequest;
  selection: Selection;
  tar: TarWriter;
  derived: DerivedFiles;
  payloads: PayloadCollector;
  signal: AbortSignal;
  onProgress: (progress: ExportProgress) => void;
}

/**
 * Writes a bundle (docs/bundle.md) to a new file. The log is read twice: to select, and to write. Memory is bounded by a file's worth of entries and
 * payloads, and grows with the number of runs. A crash leaves a part of the file and a directory `….parts` beside it.
 */
export async function writeBundle(
  log: ExportLog,
  request: ExportRequest,
  target: string,
  signal: AbortSignal,
  onProgress: (progress: ExportProgress) => void,
): Promise<ExportResult> {
  const total = log.checkpoint.size;
  const selection = await selectEntries(log, request.filter, request.tenant, signal, (scanned) =>
    onProgress({ stage: "selecting", scanned, total, entries: 0, bytes: 0 }),
  );
  const parts = await mkdtemp(join(dirname(target), "parts-"));
  const tar = await createTarWriter(target);
  try {
    const derived = await createDerivedFiles(parts, { request, log, selection });
    const payloads = createPayloadCollector(log, selection.destroyed);
    const writing: Writing = { log, request, selection, tar, derived, payloads, signal, onProgress };
    const summary = await writeFiles(writing);
    return { ...(await tar.finish()), summary, missingPayloads: payloads.missing };
  } catch (error) {
    await tar.abandon().catch(() => undefined); // what failed before tells more
    throw error;
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
}

async function writeFiles(writing: Writing): Promise<BundleSummary> {
  const { log, request, selection, tar, derived } = writing;
  const manifest = manifestOf(log, request, selection);
  await tar.file(BUNDLE_FILES.readme, bundleReadme(manifest));
  await tar.file(BUNDLE_FILES.manifest, formatManifest(manifest));
  await tar.file(BUNDLE_FILES.checkpoint, log.note);
  if (request.anchors !== null) await tar.file(BUNDLE_FILES.anchors, request.anchors);
  const { facts, proved } = await writeEntries(writing);
  for (const index of proved) {
    const proof = await inclusionProof(log.read, index, log.checkpoint.size);
    await tar.file(proofPath(index), formatTlogProof({ index, proof, checkpoint: log.note }));
  }
  const summary = facts.summary();
  await tar.file(BUNDLE_FILES.runs, [...runsJson(facts.runs())].join(""));
  await tar.file(BUNDLE_FILES.summary, summaryJson(summary));
  await tar.file(BUNDLE_FILES.policies, `${JSON.stringify(request.policies, null, 2)}\n`);
  await derived.write(tar, facts.runs(), summary, writing.payloads);
  return summary;
}

async function writeEntries(writing: Writing) {
  const { log, request, selection, tar, derived, payloads, signal, onProgress } = writing;
  const total = log.checkpoint.size;
  const tiles = createTileFiles(log, tar);
  await tiles.writeEdges(request.sinceCheckpoint);
  const files = createEntryFiles(tar, tiles, { content: request.content, asLog: selection.kind === "log" });
  const facts = createRunFacts();
  const indexes: number[] = [];
  let entries = 0;
  const report = (scanned: number): void =>
    onProgress({ stage: "writing", scanned, total, entries, bytes: tar.writtenBytes });
  for await (const { index, bytes, entry } of scanLog(log, signal)) {
    if (index % 1_024 === 0) report(index);
    const part = partOf(index, entry, writing);
    if (part === "none") continue;
    const record = parseLogEntry(bytes);
    await files.add(index, bytes, async (into) => {
      if (part === "selected") await payloads.collect(record, into);
    });
    entries++;
    if (indexes.length <= MAX_BUNDLE_PROOFS) indexes.push(index);
    if (part === "beside") continue;
    facts.add(index, record);
    await derived.add(index, record);
  }
  await files.finish();
  report(total);
  return { facts, proved: entries <= MAX_BUNDLE_PROOFS ? indexes : [] };
}

/** `beside`: it shows something about the selection without being of it, as the entries next to a range do, and erasures of what it held. */
function partOf(
  index: number,
  entry: ScannedEntry,
  { request: { tenant, filter }, selection: { runIds, range, destroyed }, payloads }: Writing,
): "selected" | "beside" | "none" {
  const isDestruction =
    entry.act !== undefined && [...payloads.keyIds].some((id) => destroyed.of(id)?.logIndex === index);
  if (entry.tenant !== tenant) return isDestruction && entry.act?.action === "expiry" ? "beside" : "none";
  if (runIds !== null) {
    if (isDestruction) return "selected";
    return runIds.has(entry.run_id) || isConcerned(entry, runIds, filter, payloads.keyIds) ? "selected" : "none";
  }
  const [first, end] = range ?? [0, 0];
  if (index >= first && index < end) return "selected";
  const isBoundary =
    (filter.since !== undefined && index === first - 1) || (filter.until !== undefined && index === end);
  return isBoundary || isDestruction ? "beside" : "none";
}

function manifestOf(log: ExportLog, request: ExportRequest, selection: Selection): BundleManifest {
  const { origin, size } = log.checkpoint;
  return {
    format: BUNDLE_FORMAT,
    export_id: request.exportId,
    created_time: request.createdTime,
    exporter: request.exporter,
    recipient: request.recipient,
    reason: request.reason,
    filter: request.filter,
    tenant: request.tenant,
    content: request.content,
    log: { origin, shard: log.shard, tree_size: size },
    selection: selection.kind,
    range: selection.range,
    runs: selection.runIds?.size ?? null,
    hidden: selection.hidden,
    since_checkpoint: request.sinceCheckpoint,
  };
}
