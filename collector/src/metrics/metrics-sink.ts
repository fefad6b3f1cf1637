import type { RunledgerRecord, StepRow } from "@runledger/contract";
import { isBeingRebuilt, type JournalCursor, type Rows, StorageError } from "@runledger/storage";
import type { SeenRecords } from "../integrate/seen-records.ts";
import type { Sink } from "../integrate/sink.ts";
import type { NormalizedFrame } from "../normalize/normalized.ts";
import type { Prices } from "../normalize/price.ts";
import type { Resolver } from "../resolve/resolver.ts";
import { createLateDuplicates } from "./late-duplicates.ts";
import { type MetricPointRow, metricPointRows } from "./metric-point-rows.ts";
import { createOtherJournals, type Placed, placeOf } from "./other-journals.ts";
import { takeOutRepeats } from "./repeats.ts";
import { stepRow } from "./step-row.ts";
import type { UnsureFrames } from "./unsure-frames.ts";

export interface MetricsSinkDependencies {
  rows: Rows;
  /** Where the sink stands: the next frame that is not in ClickHouse for sure. */
  cursor: JournalCursor;
  /** Where the batch in flight ends; at or before `cursor` when there is none. A journal cursor too, under another name. */
  intent: JournalCursor;
  /** Of this journal, whose cursors these are; without it, whoever empties ClickHouse sets them back. */
  unsure?: UnsureFrames;
  /** A fresh one, for this sink alone: `open` fills it. */
  seen: SeenRecords;
  prices: Pick<Prices, "contextWindow">;
  resolver: Pick<Resolver, "rowsInserted">;
  /** Told of each batch that is in ClickHouse. */
  onWritten?: (batch: { rows: number; duplicates: number; conflicts: number }) => void;
}

export interface MetricsSinkSettings {
  /** Of this journal, and for ever: part of the deduplication tokens, and each row names it. Another journal, another name. */
  installation: string;
  /** Default 20,000. Never to be changed while a batch is in flight. */
  maxRowsPerInsert?: number;
}

interface Batch {
  from: number;
  to: number;
  /** In inserts of so many records at most, duplicates counted too: where a record goes does not depend on what others have. */
  inserts: StepRow[][];
  rows: StepRow[];
  points: MetricPointRow[];
  duplicates: number;
}

/**
 * Carries records into ClickHouse, each once. A batch's end is written down (`intent`) before it is inserted, and its tokens are made
 * of its journal positions; so after a crash the very same batch goes again, and what is there already is not counted twice. What another
 * collector has inserted is left out; what both insert at the same moment is taken out afterwards.
 */
export function createMetricsSink(dependencies: MetricsSinkDependencies, settings: MetricsSinkSettings): Sink {
  const { rows, cursor, intent, unsure, seen, prices, onWritten } = dependencies;
  const windowRecords = Math.floor(seen.limit / 2);
  const { installation, maxRowsPerInsert = 20_000 } = settings;
  const late = createLateDuplicates(rows, windowRecords, installation);
  const others = createOtherJournals(rows, installation);
  const { resolver } = dependencies;
  /** What a failed write made of its frames: asked again, it inserts the same, and does not take them for duplicates of themselves. */
  let pending: Batch | null = null;
  /** Of a batch that a crash interrupted: what of it is in. */
  let landed: ReadonlySet<string> = new Set();

  async function decide(frames: readonly NormalizedFrame[], from: number, to: number): Promise<Batch> {
    const records = frames.flatMap((frame) => frame.records.map(({ facts }) => facts)).filter(isOfRun);
    const known = await late.find(records, from);
    const elsewhere = await others.find(records, from);
    return batchOf(
      { frames, from, to },
      { seen, known, elsewhere, landed },
      { prices, journal: installation, maxRowsPerInsert },
    );
  }

  return {
    name: "metrics",
    async open() {
      if (await isBeingRebuilt(rows))
        throw new StorageError(
          "unavailable",
          "ClickHouse is being rebuilt; if nobody does, run `runledger rebuild` again",
        );
      if (!(await others.knowUs())) await unsure?.sendAgain();
      const nextSeq = await cursor.load();
      const mustEndAt = await intent.load();
      await cursor.save(nextSeq); // from now on the journal keeps what this sink needs
      await others.announce();
      await unsure?.settle();
      await seed(rows, seen, late.remember, { nextSeq, limit: windowRecords, journal: installation });
      landed = mustEndAt > nextSeq ? await others.landed(nextSeq, mustEndAt) : new Set();
      return { nextSeq, mustEndAt: mustEndAt > nextSeq ? mustEndAt : null };
    },
    async write(frames) {
      const from = frames[0]?.seq;
      const to = (frames.at(-1)?.seq ?? 0) + 1;
      if (from === undefined) return;
      if (pending?.from !== from || pending.to !== to) {
        pending = await decide(frames, from, to);
      }
      await intent.save(to);
      await insert(rows, pending, settings);
      const inserted: readonly Placed[] = pending.rows;
      if (await others.exist()) await takeOutRepeats(rows, inserted);
      await correct(resolver, pending.rows);
      // A crash here: the batch goes again under the same tokens, which ClickHouse knows.
      await cursor.save(to);
      const newest = pending.rows.at(-1);
      if (newest !== undefined) late.remember(newest.received_time, pending.rows.length);
      const conflicts = pending.rows.filter((row) => row.conflict).length;
      onWritten?.({ rows: pending.rows.length, duplicates: pending.duplicates, conflicts });
      pending = null;
      landed = new Set();
    },
    close: () => Promise.resolve(),
  };
}

/**
 * The rows are in already, so a correction that ClickHouse refuses leaves no hole: it is tried again, the cursor waits, and the operator
 * is told. Neither the audit log nor the agents wait for it.
 */
async function correct(resolver: Pick<Resolver, "rowsInserted">, rows: readonly StepRow[]): Promise<void> {
  try {
    await resolver.rowsInserted(rows);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError("unavailable", `what only whole runs tell could not be derived: ${why}`, cause);
  }
}

/** Remembers what ClickHouse holds from before `nextSeq`, the newest last: the batch in flight must not see itself. */
async function seed(
  rows: Rows,
  seen: SeenRecords,
  remember: (receivedTime: string, count: number) => void,
  { nextSeq, limit, journal }: { nextSeq: number; limit: number; journal: string },
): Promise<void> {
  const newest = await rows.query<SeedRow>(
    `SELECT tenant, record_id, trace_id, step_id, event, received_time FROM steps
     WHERE journal IN ('', {journal: String}) AND journal_seq < {nextSeq: UInt64} ORDER BY received_time DESC LIMIT {limit: UInt64}`,
    { nextSeq, limit, journal },
  );
  for (const row of newest.reverse()) {
    seen.classify(row);
    remember(row.received_time, 1);
  }
  // There may be older ones: one more than fits makes the window know that it has forgotten some.
  if (newest.length === limit && newest[0] !== undefined) remember(newest[0].received_time, 1);
}

interface SeedRow {
  tenant: string;
  record_id: string;
  trace_id: string;
  step_id: string;
  event: string;
  received_time: string;
}

interface Known {
  seen: SeenRecords;
  /** Places (`placeOf`) that our journal, or another, has brought before. */
  known: ReadonlySet<string>;
  elsewhere: ReadonlySet<string>;
  landed: ReadonlySet<string>;
}

function batchOf(
  { frames, from, to }: { frames: readonly NormalizedFrame[]; from: number; to: number },
  { seen, known, elsewhere, landed }: Known,
  made: { prices: Pick<Prices, "contextWindow">; journal: string; maxRowsPerInsert: number },
): Batch {
  const batch: Batch = { from, to, inserts: [], rows: [], points: [], duplicates: 0 };
  const records = frames.flatMap(({ seq, records }) => records.map((record) => ({ seq, ...record })));
  for (const { seq, facts } of records) if (facts.event === "metric") batch.points.push(...metricPointRows(facts, seq));
  const ofRuns = records.filter(({ facts }) => isOfRun(facts));
  for (let start = 0; start < ofRuns.length; start += made.maxRowsPerInsert) {
    const together = ofRuns.slice(start, start + made.maxRowsPerInsert);
    // An insert that is in, maybe without its views, is repaired by the same rows only; whatever came elsewhere since.
    const isIn = together.some(({ facts }) => landed.has(placeOf(facts)));
    const rows: StepRow[] = [];
    for (const { seq, facts, inputPreview, outputPreview } of together) {
      const classification = seen.classify(facts);
      const place = placeOf(facts);
      const isKnown = isIn ? !landed.has(place) : elsewhere.has(place);
      if (classification === "duplicate" || known.has(place) || isKnown) continue;
      const conflict = classification === "conflict";
      const contextWindow = facts.llm === null ? null : made.prices.contextWindow(facts.llm);
      const context = { conflict, inputPreview, outputPreview, contextWindow, journalSeq: seq, journal: made.journal };
      rows.push(stepRow(facts, context));
    }
    batch.inserts.push(rows);
  }
  batch.rows = batch.inserts.flat();
  batch.duplicates = ofRuns.length - batch.rows.length;
  return batch;
}

/** Metrics, and log records without a run, are in the log; `steps` is of runs. */
export function isOfRun({ event, run_id }: Pick<RunledgerRecord, "event" | "run_id">): boolean {
  return event !== "metric" && run_id !== "";
}

async function insert(rows: Rows, batch: Batch, settings: MetricsSinkSettings): Promise<void> {
  const { installation, maxRowsPerInsert = 20_000 } = settings;
  const tokenOf = (start: number) => `${installation}:${batch.from}-${batch.to}:${start}`;
  for (const [i, some] of batch.inserts.entries()) await rows.insert("steps", some, tokenOf(i * maxRowsPerInsert));
  for (let start = 0; start < batch.points.length; start += maxRowsPerInsert)
    await rows.insert("metric_points", batch.points.slice(start, start + maxRowsPerInsert), tokenOf(start));
}
