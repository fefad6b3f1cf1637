import {
  createPayloadReader,
  DIRECTORY,
  type LogEntryRow,
  LogError,
  leafHash,
  logPrefix,
  type ReadObject,
  type ReadPayload,
  type RunledgerRecord,
  readEntries,
  readWholeRecord,
  type StepRow,
} from "@runledger/contract";
import {
  DERIVED_TABLES,
  type Keyring,
  markRebuild,
  type Objects,
  openJournalCursor,
  type Rows,
  resetJournalCursor,
  unmarkRebuild,
} from "@runledger/storage";
import { withoutCutTexts } from "../audit/overflow.ts";
import { createSeenRecords, DEFAULT_SEEN_RECORDS, type SeenRecords } from "../integrate/seen-records.ts";
import { createLateDuplicates, type LateDuplicates } from "../metrics/late-duplicates.ts";
import { logEntryRow, recordOfEntry } from "../metrics/log-entry-row.ts";
import { insertLogEntries, publishedSize } from "../metrics/log-index.ts";
import { type MetricPointRow, metricPointRows } from "../metrics/metric-point-rows.ts";
import { isOfRun } from "../metrics/metrics-sink.ts";
import { placeOf } from "../metrics/other-journals.ts";
import { stepRow } from "../metrics/step-row.ts";
import type { Prices } from "../normalize/price.ts";
import { createResolver } from "../resolve/resolver.ts";
import { type ErasedRows, findErasedRows, type PublishedLog } from "./erased-rows.ts";
import { createPackCache } from "./pack-cache.ts";
import { previewsOf } from "./previews.ts";

export interface RebuildDependencies {
  objects: Objects;
  rows: Rows;
  prices: Prices;
  /** Opens sealed payloads; null: nothing is sealed. */
  keyring: Keyring | null;
  /** Milliseconds since the epoch: what is abandoned is told by it. */
  clock: () => number;
  onProgress?: (progress: RebuildProgress) => void;
}

export interface RebuildSettings {
  /** The collector's journal, whose followers go on from the log's end; null when there is none any more. */
  journalDir: string | null;
  /** Costs are what `prices` says now, of each call at its time, and not what the log says. The log stays as it is. */
  reprice?: boolean;
  /** Default 10,000. */
  entriesPerBatch?: number;
}

export interface RebuildProgress {
  entries: number;
  totalEntries: number;
  duplicates: number;
  /** Previews that are empty because the payload is gone, or its key: erased or expired. */
  missingPayloads: number;
  entriesPerSecond: number;
}

/**
 * Empties ClickHouse and fills it again from the audit log and its packs, with the same answers. The collector must not run: afterwards
 * its metrics cursor stands where the audit log ends. All shards' logs are read; what other collectors had brought and their logs lack, they send again when they start. Interrupted anywhere, it is simply run again: rows are lacking until then, and no
 * row of what was erased comes in, at no moment.
 */
export async function rebuild(
  dependencies: RebuildDependencies,
  { journalDir, reprice = false, entriesPerBatch = 10_000 }: RebuildSettings,
): Promise<RebuildProgress> {
  const { objects, rows, clock, onProgress } = dependencies;
  await markRebuild(rows);
  for (const table of DERIVED_TABLES) await rows.command(`TRUNCATE TABLE ${table}`);

  const shards = await publishedShards(objects);
  const erased = await findErasedRows(shards, dependencies.keyring);
  const totalEntries = shards.reduce((sum, { size }) => sum + size, 0);
  const progress = { entries: 0, totalEntries, duplicates: 0, missingPayloads: 0, entriesPerSecond: 0 };
  const since = clock();
  // What is a duplicate is asked of all shards together: a record that came to two counts once.
  const seen = createSeenRecords();
  const late = createLateDuplicates(rows, Math.floor(DEFAULT_SEEN_RECORDS / 2), "");
  for (const { shard, size, read } of shards) {
    const fill = createFiller(dependencies, { shard, reprice, seen, late }, progress, erased);
    let batch: { index: number; entry: Uint8Array }[] = [];
    for await (const item of readEntries(read, 0, size, size)) {
      batch.push(item);
      if (batch.length < entriesPerBatch && item.index + 1 < size) continue;
      await fill(batch);
      progress.entries += batch.length;
      progress.entriesPerSecond = Math.round((progress.entries / Math.max(1, clock() - since)) * 1000);
      onProgress?.({ ...progress });
      batch = [];
    }
  }
  await createResolver(rows, { nowMs: clock }).everything();
  if (journalDir !== null) await moveFollower(journalDir);
  await unmarkRebuild(rows);
  return progress;
}

/** Every shard's log in the store, as far as it is published. */
async function publishedShards(objects: Objects): Promise<PublishedLog[]> {
  const names = (await objects.folders("log/")).filter((name) => name !== DIRECTORY);
  return Promise.all(
    names.map(async (shard) => {
      const read: ReadObject = (path) => objects.read(`${logPrefix(shard)}${path}`);
      return { shard, size: await publishedSize(read), read };
    }),
  );
}

/** Records of frames before the audit log's cursor are all in the log; frames from there on are read by the metrics sink (again). */
async function moveFollower(journalDir: string): Promise<void> {
  const auditSeq = await openJournalCursor(journalDir, "audit").load();
  await resetJournalCursor(journalDir, "metrics-intent", auditSeq);
  await resetJournalCursor(journalDir, "metrics", auditSeq);
}

function createFiller(
  { objects, rows, prices, keyring }: RebuildDependencies,
  { shard, reprice, seen, late }: { shard: string; reprice: boolean; seen: SeenRecords; late: LateDuplicates },
  progress: RebuildProgress,
  erased: ErasedRows,
) {
  const readPayload = createPayloadReader(createPackCache(objects, shard), keyring?.reader());

  return async (batch: readonly { index: number; entry: Uint8Array }[]): Promise<void> => {
    const entries = batch.map(({ index, entry }) => ({ index, entry, record: recordOfEntry(entry) }));
    const known = await late.find(entries.map(({ record }) => record).filter(isOfRun), 1);
    const steps: StepRow[] = [];
    const points: MetricPointRow[] = [];
    const logEntries: LogEntryRow[] = [];
    for (const { index, entry, record } of entries) {
      logEntries.push(logEntryRow(shard, index, leafHash(entry), record));
      if (record.event === "metric") points.push(...metricPointRows(await wholeOrCut(readPayload, record), 0));
      if (!isOfRun(record)) continue;
      if (seen.classify(record) === "duplicate" || known.has(placeOf(record))) {
        progress.duplicates += 1;
        continue;
      }
      const previews = await previewsOf(readPayload, record);
      progress.missingPayloads += previews.missing;
      const { inputPreview, outputPreview } = previews;
      const whole = await wholeOrCut(readPayload, record);
      const { llm, conflict, start_time } = record;
      const contextWindow = llm === null ? null : prices.contextWindow(llm);
      const cost = reprice && llm !== null ? prices.cost(llm, start_time) : record.cost;
      const context = { conflict, inputPreview, outputPreview, contextWindow, journalSeq: 0, journal: "" };
      steps.push(erased.clean(shard, index, stepRow({ ...whole, cost }, context), whole.run.user_id ?? ""));
    }
    const from = batch[0]?.index ?? 0;
    const token = `rebuild:${shard}:${from}-${from + batch.length}`;
    await rows.insert("steps", steps, token);
    await rows.insert("metric_points", points, token);
    await insertLogEntries(rows, logEntries);
    const newest = steps.at(-1);
    if (newest !== undefined) late.remember(newest.received_time, steps.length);
  };
}

/** Of an erased record, what is left of it: the entry. */
async function wholeOrCut(read: ReadPayload, entry: RunledgerRecord): Promise<RunledgerRecord> {
  try {
    return await readWholeRecord(read, entry);
  } catch (error) {
    if (error instanceof LogError && error.code === "sealed") return withoutCutTexts(entry);
    throw error;
  }
}
