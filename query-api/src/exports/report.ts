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
import { reportPage } from "./report-page.ts";
import { type StepContents, type TrailLine, trailLine } from "./step-words.ts";

/** The trail of a run, as far as the report tells it. */
export interface RunTrail {
  lines: TrailLine[];
  /** Records with a line of their own that are left out. */
  leftOut: number;
}

export interface Report {
  add(log: ExportLog, index: number, record: RunledgerRecord): Promise<void>;
  html(runs: readonly BundleRun[], summary: BundleSummary, written: Written): string;
}

/** What a person reads; all of it is in the entries. */
const MAX_TRAILS = 200;
const MAX_LINES = 200;
const MAX_ACTS = 500;
const MAX_QUOTE_CHARS = 400;
/** Larger contents are not read for a quote. */
const MAX_QUOTED_BYTES = 64 * 1024;

/** Collects the first runs' trails while the log goes by. */
export function createReport(facts: ExportFacts): Report {
  const trails = new Map<string, RunTrail>();
  const acts: RunledgerRecord[] = [];
  const contents = new Map(facts.logs.map((log) => [log, createContents(facts.request, log)]));
  const ofSeveral = facts.logs.length > 1;
  return {
    async add(log, index, record) {
      if (record.event === "act") {
        if (acts.length < MAX_ACTS) acts.push(record);
        return;
      }
      if (record.run_id === "") return;
      let trail = trails.get(record.run_id);
      if (trail === undefined) {
        if (trails.size === MAX_TRAILS) return;
        trail = { lines: [], leftOut: 0 };
        trails.set(record.run_id, trail);
      }
      const isFull = trail.lines.length >= MAX_LINES && record.event !== "run_end";
      const line = trailLine(
        index,
        record,
        isFull ? NO_CONTENTS : ((await contents.get(log)?.(record)) ?? NO_CONTENTS),
      );
      if (line === null) return;
      if (ofSeveral) line.shard = log.shard;
      if (isFull) trail.leftOut++;
      else trail.lines.push(line);
    },
    html: (runs, summary, written) => reportPage({ facts, runs, summary, trails, acts, written }),
  };
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
