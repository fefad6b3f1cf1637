import {
  type EntrySums,
  formatTlogProof,
  inclusionProof,
  MAX_BUNDLE_PROOFS,
  parseLogEntry,
  proofPath,
} from "@runledger/contract";
import { isConcerned } from "./acts-of-selection.ts";
import type { DerivedFiles } from "./derived-files.ts";
import { createEntryFiles } from "./entry-files.ts";
import type { ExplainingActs } from "./explaining-acts.ts";
import { type ExportLog, type ScannedEntry, scanLog } from "./export-log.ts";
import { createPayloadCollector } from "./payload-files.ts";
import type { Selection } from "./selection.ts";
import type { SortedRuns } from "./sorted-runs.ts";
import type { TarFolder } from "./tar-writer.ts";
import { createTileFiles } from "./tile-files.ts";
import type { ExportRequest } from "./write-bundle.ts";

/** What the logs of a bundle have in common while they are written. */
export interface WritingOfLogs {
  request: ExportRequest;
  selection: Selection;
  explaining: ExplainingActs;
  sums: EntrySums;
  runs: SortedRuns;
  derived: DerivedFiles;
  counts: { scanned: number; entries: number; missingPayloads: number; unselectedPayloads: number };
  signal: AbortSignal;
  /** Of the counts, now and then. */
  report(): void;
}

/** Tiles, entries, payloads and proofs of a log. `place`: among those of the bundle; `folder`: of its own, where there are several. */
export async function writeLog(
  writing: WritingOfLogs,
  log: ExportLog,
  place: number,
  folder: TarFolder,
): Promise<void> {
  const proved = await writeEntries(writing, log, place, folder);
  for (const index of proved) {
    const proof = await inclusionProof(log.read, index, log.checkpoint.size);
    await folder.file(proofPath(index), formatTlogProof({ index, proof, checkpoint: log.note }));
  }
}

/** @returns the indexes that get proofs of their own: all, where they are few. */
async function writeEntries(
  writing: WritingOfLogs,
  log: ExportLog,
  place: number,
  folder: TarFolder,
): Promise<readonly number[]> {
  const { request, selection, explaining, derived, sums, runs, counts, signal, report } = writing;
  const asLog = selection.logs[place]?.kind === "log";
  const tiles = createTileFiles(log, folder);
  await tiles.writeEdges(log.sinceCheckpoint);
  const files = createEntryFiles(folder, log, tiles, { content: request.content, asLog });
  const payloads = createPayloadCollector(log, selection.destroyed);
  const indexes: number[] = [];
  let entries = 0;
  for await (const { index, bytes, entry } of scanLog(log, signal)) {
    if (counts.scanned++ % 1_024 === 0) report();
    const part = partOf(index, entry, { log, place, acts: explaining, request, selection });
    if (part === "none") continue;
    const record = parseLogEntry(bytes);
    await files.add(index, bytes, async (into) => {
      if (part === "selected") await payloads.collect(record, into);
    });
    entries++;
    counts.entries++;
    if (indexes.length <= MAX_BUNDLE_PROOFS) indexes.push(index);
    if (part === "beside") continue;
    // Sent to two collectors, or again long after, it is told of once.
    if (!sums.add(record)) continue;
    await runs.add(log.shard, index, record);
    await derived.add(log, index, record);
  }
  await files.finish();
  counts.missingPayloads += payloads.missing;
  counts.unselectedPayloads += payloads.unselected;
  report();
  return entries <= MAX_BUNDLE_PROOFS ? indexes : [];
}

interface Selecting {
  log: ExportLog;
  place: number;
  acts: ExplainingActs;
  request: ExportRequest;
  selection: Selection;
}

/** `beside`: it shows something about the selection without being of it, as the entries next to a range do, and erasures of what it held. */
function partOf(
  index: number,
  entry: ScannedEntry,
  { log: { shard }, place, acts, request: { tenant, filter }, selection: { runIds, logs } }: Selecting,
): "selected" | "beside" | "none" {
  const isDestruction = entry.act !== undefined && acts.isExplaining(shard, index);
  if (entry.tenant !== tenant) return isDestruction && entry.act?.action === "expiry" ? "beside" : "none";
  if (runIds !== null) {
    if (isDestruction) return "selected";
    return runIds.has(entry.run_id) || isConcerned(entry, runIds, filter, acts.keyIds) ? "selected" : "none";
  }
  const [first, end] = logs[place]?.range ?? [0, 0];
  if (index >= first && index < end) return "selected";
  const isBoundary =
    (filter.since !== undefined && index === first - 1) || (filter.until !== undefined && index === end);
  return isBoundary || isDestruction ? "beside" : "none";
}
