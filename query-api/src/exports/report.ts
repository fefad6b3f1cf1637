import {
  type BundleRun,
  type BundleSummary,
  createPackReader,
  createPayloadReader,
  LogError,
  type PayloadName,
  type RunledgerRecord,
  readText,
} from "@runledger/contract";
import { answerText } from "./answer-text.ts";
import type { ExportFacts, Written } from "./derived-files.ts";
import type { ExportLog } from "./export-log.ts";
import { byBeginning, type RunTrail, reportPage, type ToldRun } from "./report-page.ts";
import { actRow, runRow, trailHead, trailItem } from "./report-rows.ts";
import { type StepContents, trailLine } from "./step-words.ts";

export interface Report {
  add(log: ExportLog, index: number, record: RunledgerRecord): Promise<void>;
  /** After the last record, in the order of the bundle. */
  addRun(run: BundleRun): void;
  /** The page in pieces. */
  html(summary: BundleSummary, written: Written): Iterable<string>;
}

/** What a person reads; all of it is in the entries. */
const MAX_TRAILS = 200;
const MAX_LINES = 200;
/** Of all trails together: what agents write at length leaves less room for lines. */
const MAX_TRAIL_CHARS = 32 * 1024 * 1024;
const MAX_ACTS = 500;
const MAX_LISTED_RUNS = 2_000;
const MAX_QUOTE_CHARS = 400;
/** Larger contents are not read for a quote. */
const MAX_QUOTED_BYTES = 64 * 1024;

/** Collects the first runs' trails while the log goes by. */
export function createReport(facts: ExportFacts): Report {
  const trails = new Map<string, RunTrail>();
  const acts: { receivedTime: string; html: string }[] = [];
  const told: (ToldRun & { trail: RunTrail })[] = [];
  const listed = createFirstRuns(MAX_LISTED_RUNS);
  const contents = new Map(facts.logs.map((log) => [log, createContents(facts.request, log)]));
  const ofSeveral = facts.logs.length > 1;
  let trailChars = 0;
  return {
    async add(log, index, record) {
      if (record.event === "act") {
        if (acts.length < MAX_ACTS) acts.push({ receivedTime: record.received_time, html: actRow(record) });
        return;
      }
      if (record.run_id === "") return;
      let trail = trails.get(record.run_id);
      if (trail === undefined) {
        if (trails.size === MAX_TRAILS) return;
        trail = { lines: [], leftOut: 0 };
        trails.set(record.run_id, trail);
      }
      const isFull = trailChars > MAX_TRAIL_CHARS || (trail.lines.length >= MAX_LINES && record.event !== "run_end");
      const line = trailLine(
        index,
        record,
        isFull ? NO_CONTENTS : ((await contents.get(log)?.(record)) ?? NO_CONTENTS),
      );
      if (line === null) return;
      if (ofSeveral) line.shard = log.shard;
      if (isFull) {
        trail.leftOut++;
        return;
      }
      const html = trailItem(line);
      trailChars += html.length;
      trail.lines.push({ time: line.time, index, html });
    },
    addRun(run) {
      listed.add(run);
      const trail = trails.get(run.run_id);
      if (trail !== undefined) told.push({ ...beginningOf(run), html: trailHead(run), trail });
    },
    html: (summary, written) => reportPage({ facts, summary, listed: listed.all(), told, acts, written }),
  };
}

/** The first `limit` by their beginning, of those with the same the first that came; twice as many are in memory. */
function createFirstRuns(limit: number): { add(run: BundleRun): void; all(): readonly ToldRun[] } {
  let kept: ToldRun[] = [];
  /** The last of them, once there are so many: what is not before it is none of them. */
  let last: ToldRun | undefined;
  const first = (): ToldRun[] => kept.toSorted(byBeginning).slice(0, limit);
  return {
    add(run) {
      if (last !== undefined && byBeginning(run, last) >= 0) return;
      kept.push({ ...beginningOf(run), html: runRow(run) });
      if (kept.length < 2 * limit) return;
      kept = first();
      last = kept.at(-1);
    },
    all: first,
  };
}

function beginningOf({ first_index, start_time }: BundleRun): Pick<ToldRun, "first_index" | "start_time"> {
  return first_index === undefined ? { start_time } : { first_index, start_time };
}

const NO_CONTENTS: StepContents = { arguments: null, result: null, response: null, output: null };

function createContents(
  request: ExportFacts["request"],
  log: ExportLog,
): (record: RunledgerRecord) => Promise<StepContents> {
  const readRange = async (path: string, offset: number, length: number) => log.objects.readRange(path, offset, length);
  const read = createPayloadReader(createPackReader(readRange, log.shard), log.findKey);

  const quote = async (record: RunledgerRecord, name: PayloadName): Promise<string | null> => {
    const ref = record.payloads[name];
    if (ref === undefined) return null;
    if (ref.size_bytes > MAX_QUOTED_BYTES) return `(${ref.size_bytes} bytes, in payloads/)`;
    try {
      const stored = Buffer.from(await readText(read, ref)).toString();
      const text = name === "response" || name === "result" ? answerText(stored) : stored;
      if (text === "") return null;
      return text.length > MAX_QUOTE_CHARS ? `${text.slice(0, MAX_QUOTE_CHARS)} …` : text;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      return error.code === "sealed" ? "(erased)" : `(not readable: ${error.message})`;
    }
  };
  return async (record) => {
    if (!request.content) return NO_CONTENTS;
    const isTool = record.kind === "tool";
    const isModel = record.kind === "llm";
    return {
      arguments: isTool ? await quote(record, "arguments") : null,
      result: isTool ? await quote(record, "result") : null,
      response: isModel ? await quote(record, "response") : null,
      output: isTool || isModel ? null : await quote(record, "output"),
    };
  };
}
