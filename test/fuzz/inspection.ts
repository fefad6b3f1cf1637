import { isUtf8 } from "node:buffer";
import {
  createPayloadPacker,
  createPrices,
  createSeenRecords,
  entryText,
  type MetricPointRow,
  metricPointRows,
  type NormalizedRecord,
  normalizeFrame,
  OtlpError,
  prepareBatch,
  stepRow,
  verdictOn,
} from "@runledger/collector";
import {
  canonicalJson,
  createPayloadReader,
  MAX_ENTRY_BYTES,
  PREVIEW_CHARS,
  payloadKey,
  type ReadPayload,
  RUNLEDGER,
  type RunledgerRecord,
  readMessages,
  readText,
  readWholeRecord,
  record as recordSchema,
  type StepRow,
} from "@runledger/contract";
import type { JournalFrame } from "@runledger/storage";
import type { Signal } from "./corpus.ts";
import { checkResolution } from "./resolution.ts";

export interface Request {
  signal: Signal;
  format: "json" | "protobuf";
  body: Buffer;
}

export interface Findings {
  inputs: number;
  refused: number;
  records: number;
  /** What the resolver found, of each run while it goes on and when it is over. */
  corrections: number;
  /** What dialects stumbled over and kept whole as `other`, by dialect and message. */
  stumbles: Map<string, number>;
  slowest: { cpuMs: number; what: string }[];
}

export interface TableRows {
  steps: StepRow[];
  metric_points: MetricPointRow[];
}

/** The way of a request through receiver, integrator and both sinks, each step's promise checked. */
export interface Inspection {
  readonly findings: Findings;
  /** Rows of what was accepted since they were taken the last time. */
  takeRows(): TableRows;
  /** Writes and reads back every record, not only some: for looking into what was found. */
  beThorough(thorough: boolean): void;
  /** @throws Error that names the promise that was not kept. */
  inspect(request: Request): Promise<void>;
}

/** CPU time of one request of a megabyte at most, however it is made. Far above what real ones take, even on a busy machine. */
const MAX_CPU_MS = 4_000;
const WORTH_MEASURING_MS = 50;
const SLOWEST = 5;
/** Every so many inputs are normalised twice, written, and read back: that is most of the work. */
const THOROUGH_EVERY = 8;
/** Every so many inputs the rows of the last ones, many of them the same call told otherwise, are looked at as one run. */
const MIX_EVERY = 4;
const RECENT_ROWS = 24;
/** Packer and its packs are kept for so many inputs: payloads of one may be stored as differences to another's. */
const INPUTS_PER_PACKER = 100;
const MAX_MESSAGE_CHARS = 3_000;
const RECEIVED_UNIX_NANO = BigInt(Date.now()) * 1_000_000n;

export function createInspection(): Inspection {
  const findings: Findings = { inputs: 0, refused: 0, records: 0, corrections: 0, stumbles: new Map(), slowest: [] };
  const prices = createPrices(null);
  let rows: TableRows = { steps: [], metric_points: [] };
  let log = createLog();
  let recent: StepRow[] = [];
  let isThorough = false;

  const check = async (request: Request): Promise<void> => {
    const accepted = verdict(request);
    if (accepted === null) {
      findings.refused += 1;
      return;
    }
    const frame = frameOf(request);
    const { records } = normalizeFrame(frame, prices.cost);
    findings.records += records.length;
    if (request.signal !== "metrics") same("what is accepted and what is normalised", accepted, records.length);
    const ofRuns: StepRow[] = [];
    for (const record of records) {
      checkPreviews(record);
      checkContent(record);
      const stumble = record.facts.attributes[RUNLEDGER.normalizeError];
      if (typeof stumble === "string" && /^[\w-]+: /.test(stumble))
        findings.stumbles.set(stumble, (findings.stumbles.get(stumble) ?? 0) + 1);
      const { facts, inputPreview, outputPreview } = record;
      const contextWindow = facts.llm === null ? null : prices.contextWindow(facts.llm);
      if (facts.event === "metric") rows.metric_points.push(...metricPointRows(facts, 1));
      else if (facts.run_id !== "")
        ofRuns.push(
          stepRow(facts, { conflict: false, inputPreview, outputPreview, contextWindow, journalSeq: 1, journal: "" }),
        );
    }
    rows.steps.push(...ofRuns);
    findings.corrections += checkResolution(ofRuns);
    recent = [...recent, ...ofRuns].slice(-RECENT_ROWS);
    if (findings.inputs % MIX_EVERY === 0)
      findings.corrections += checkResolution(recent.map((row) => ({ ...row, run_id: "mixed" })));
    if (!isThorough && findings.inputs % THOROUGH_EVERY !== 0) return;
    const again = normalizeFrame(frame, prices.cost).records;
    same("record ids of the same bytes", again.map(idOf).join(), records.map(idOf).join());
    await log.append(frame.seq, records);
  };

  return {
    findings,
    takeRows() {
      const taken = rows;
      rows = { steps: [], metric_points: [] };
      return taken;
    },
    beThorough(thorough) {
      isThorough = thorough;
    },
    async inspect(request) {
      if (findings.inputs % INPUTS_PER_PACKER === 0) log = createLog();
      findings.inputs += 1;
      const start = performance.now();
      try {
        await check(request);
      } catch (error) {
        isThorough = true; // until what fails is as small as it gets
        throw error;
      }
      if (performance.now() - start < WORTH_MEASURING_MS) return;
      // Others may have had the processor: measured again, by what it took of it.
      const before = process.cpuUsage();
      await check(request);
      const { user, system } = process.cpuUsage(before);
      const cpuMs = (user + system) / 1_000;
      findings.slowest.push({ cpuMs, what: describe(request) });
      findings.slowest.sort((a, b) => b.cpuMs - a.cpuMs).splice(SLOWEST);
      if (cpuMs > MAX_CPU_MS) throw new Error(`took ${cpuMs} ms of CPU time: ${describe(request)}`);
    },
  };
}

/** How many items a receiver takes; null when it refuses the request. */
function verdict({ signal, body, format }: Request): number | null {
  try {
    const { accepted, rejected, message } = verdictOn(signal, body, format);
    const refused = [...rejected.values()].reduce((sum, count) => sum + count, 0);
    if (refused > 0 !== message.length > 0)
      throw new Error("items are rejected without a word, or words without items");
    if (message.length > MAX_MESSAGE_CHARS) throw new Error(`a message of ${message.length} characters`);
    return accepted;
  } catch (error) {
    if (!(error instanceof OtlpError) || error.code !== "malformed") throw error;
    if (error.message.length > MAX_MESSAGE_CHARS) throw new Error(`a refusal of ${error.message.length} characters`);
    return null;
  }
}

function frameOf({ signal, body, format }: Request): JournalFrame {
  return {
    seq: 1,
    signal,
    format,
    encoding: "identity",
    tenant: "default",
    receivedUnixNano: RECEIVED_UNIX_NANO,
    body,
  };
}

/** What the audit log and its packs would hold, read back as a reader does. */
function createLog() {
  const packer = createPayloadPacker();
  const dataKey = { keyId: "ab".repeat(16), dek: new Uint8Array(32).fill(5) };
  const keyOf = () => dataKey;
  const packs = new Map<string, Uint8Array>();
  const read = createPayloadReader(
    async (sha256, offset, length) => packs.get(sha256)?.subarray(offset, offset + length) ?? null,
    async (_, salt) => payloadKey(dataKey.dek, salt),
  );

  return {
    async append(seq: number, records: NormalizedRecord[]): Promise<void> {
      const batch = prepareBatch([{ seq, records, bodyBytes: 0 }], createSeenRecords(), packer, keyOf);
      for (const pack of batch.packs) packs.set(pack.sha256, pack.bytes);
      const seen = new Set<string>();
      const kept = records.filter((record) => seen.size < seen.add(idOf(record)).size);
      same("entries", batch.entries.length, kept.length);
      same("duplicates", batch.counts.duplicates, records.length - kept.length);
      for (const [index, record] of kept.entries()) await checkEntry(batch.entries[index] as Uint8Array, record, read);
    },
  };
}

async function checkEntry(bytes: Uint8Array, { facts, content }: NormalizedRecord, read: ReadPayload): Promise<void> {
  if (bytes.length > MAX_ENTRY_BYTES) throw new Error(`an entry of ${bytes.length} bytes`);
  if (!isUtf8(bytes)) throw new Error("an entry that is not UTF-8");
  const text = Buffer.from(bytes).toString();
  const json = JSON.parse(text);
  if (canonicalJson(json) !== text) throw new Error("an entry that is not RFC 8785");
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) throw new Error(`an entry that is no record: ${parsed.error.message}`);
  const entry: RunledgerRecord = json;
  same("record id", entry.record_id, facts.record_id);

  const whole = await readWholeRecord(read, entry);
  const expected = entryText({ ...facts, conflict: entry.conflict, payloads: {} });
  same("the record read back", entryText({ ...whole, payloads: {} }), expected);
  for (const [name, given] of Object.entries(content)) {
    const ref = entry.payloads[name as keyof typeof content];
    if (ref === undefined) throw new Error(`no payload ${name}`);
    if (Array.isArray(given)) {
      same("messages read back", JSON.stringify(await readMessages(read, ref)), JSON.stringify(given.map(asUtf8)));
    } else if (given !== undefined) {
      same(`${name} read back`, Buffer.from(await readText(read, ref)).toString(), asUtf8(given));
    }
  }
}

function checkPreviews({ inputPreview, outputPreview }: NormalizedRecord): void {
  for (const preview of [inputPreview, outputPreview])
    if (preview.length > PREVIEW_CHARS || !preview.isWellFormed()) throw new Error(`a preview of ${preview.length}`);
}

/** What may be words that only look like JSON. */
const KEPT: ReadonlySet<string> = new Set(["arguments", "result", "input", "output"]);

/** Everything but bodies as they came is JSON text. */
function checkContent({ content, facts }: NormalizedRecord): void {
  for (const [name, given] of Object.entries(content)) {
    if (given === undefined || name.startsWith("raw_")) continue;
    for (const text of Array.isArray(given) ? given : [given]) {
      if (KEPT.has(name) && /^(\{.*\}|\[.*\])$/s.test(text)) continue;
      try {
        JSON.parse(text);
      } catch {
        throw new Error(`${facts.dialect}: ${name} is not JSON: ${text.slice(0, 200)}`);
      }
    }
  }
}

function same<Value>(what: string, got: Value, expected: Value): void {
  if (got === expected) return;
  const [left, right] = [String(got), String(expected)];
  let at = 0;
  while (at < left.length && left[at] === right[at]) at += 1;
  const near = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 80), at + 120));
  throw new Error(`${what}: ${near(left)} is not ${near(right)}`);
}

function idOf({ facts }: NormalizedRecord): string {
  return facts.record_id;
}

function asUtf8(text: string): string {
  return text.toWellFormed();
}

function describe({ signal, format, body }: Request): string {
  return `${signal} in ${format}, ${body.length} bytes`;
}
