import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";
import { basename } from "node:path";
import {
  createFrameNormalizer,
  createPayloadPacker,
  createPrices,
  createSeenRecords,
  decodeAcceptedSpans,
  type NormalizedFrame,
  type Pricer,
  prepareBatch,
  stepRow,
} from "@runledger/collector";
import { type DecodeBaselines, decodeBaselines, loadRequestType } from "./decode-baselines.ts";
import { type NormalizeInput, normalizeInputs } from "./normalize-inputs.ts";

export interface NormalizeBenchSettings {
  rounds: number;
  /** CPU time that each measurement takes at least, ms. */
  sampleMs: number;
}

/** One row of the table: CPU µs a span, the lowest of the rounds, since what disturbs a round only adds to it. */
export interface NormalizeFigures {
  input: string;
  bytesPerSpan: number;
  /** Ours, with the check that every span goes through. */
  decode: number;
  /** `DecodeBaselines`; NaN where there is no such request. */
  generated: number;
  gzip: number;
  stockGrpc: number;
  bodies: number;
  json: number;
  /** From OTLP to normal form, decoding included. */
  whole: number;
  /** What the audit log's sink makes of the normal form before it writes: contents sealed and packed, entries. */
  audit: number;
  /** What ClickHouse's sink makes of it: rows, as JSON. */
  rows: number;
}

/** Where the CPU time of normalising goes: share of the profile's samples within each part, by its function. */
export type NormalizeProfile = Record<string, number>;

/** Normalising next to decoding the same protobuf requests: those of test/load, and what the integration tests captured. */
export async function benchNormalize(settings: NormalizeBenchSettings): Promise<NormalizeFigures[]> {
  const inputs = await normalizeInputs();
  const price = createPrices(null).cost;
  const rounds = new Map<NormalizeInput, Omit<NormalizeFigures, "input" | "bytesPerSpan">[]>();
  const requestType = loadRequestType();
  const baselines = new Map(inputs.map((input) => [input, decodeBaselines(requestType, input.frames, input.jsons)]));
  for (let round = -1; round < settings.rounds; round += 1) {
    for (const input of inputs) {
      const figures = measure(input, baselines.get(input) as DecodeBaselines, price, settings.sampleMs);
      if (round >= 0) rounds.set(input, [...(rounds.get(input) ?? []), figures]); // the first one only warms up
    }
  }
  return inputs.map((input) => ({
    input: input.name,
    bytesPerSpan: input.bytesPerSpan,
    ...lowestOf(rounds.get(input) ?? []),
  }));
}

function measure(
  { frames, jsons, spans }: NormalizeInput,
  baselines: DecodeBaselines,
  price: Pricer,
  sampleMs: number,
) {
  const normalize = createFrameNormalizer(price);
  const normalized = frames.map(normalize);
  const micros = (act: () => void) => cpuMicros(act, sampleMs) / spans;
  const { generated, gzip, stockGrpc, bodies, json } = baselines;
  return {
    decode: micros(() => {
      for (const frame of frames) decodeAcceptedSpans(frame);
    }),
    generated: micros(generated),
    gzip: micros(gzip),
    stockGrpc: micros(stockGrpc),
    bodies: micros(bodies),
    json: jsons.length === 0 ? Number.NaN : micros(json),
    whole: micros(() => {
      for (const frame of frames) normalize(frame);
    }),
    audit: micros(() => prepare(normalized)),
    rows: micros(() => {
      for (const { records } of normalized) for (const record of records) JSON.stringify(rowOf(record));
    }),
  };
}

const KEY = { keyId: "ab".repeat(16), dek: new Uint8Array(32).fill(5) };

function prepare(frames: readonly NormalizedFrame[]): void {
  prepareBatch(frames, createSeenRecords(), createPayloadPacker(), () => KEY);
}

function rowOf({ facts, inputPreview, outputPreview }: NormalizedFrame["records"][number]) {
  const context = { conflict: false, contextWindow: null, journalSeq: 1, journal: "" };
  return stepRow(facts, { ...context, inputPreview, outputPreview });
}

/** CPU time of this process a call, garbage collection included: other processes on the machine disturb it little. */
function cpuMicros(act: () => void, sampleMs: number): number {
  const start = process.cpuUsage();
  for (let calls = 1; ; calls += 1) {
    act();
    const { user, system } = process.cpuUsage(start);
    if (user + system >= sampleMs * 1_000) return (user + system) / calls;
  }
}

function lowestOf<Figures extends Record<string, number>>(rounds: Figures[]): Figures {
  const [first] = rounds as [Figures];
  const lowest = (key: string) => Math.min(...rounds.map((figures) => figures[key] ?? 0));
  return Object.fromEntries(Object.keys(first).map((key) => [key, lowest(key)])) as Figures;
}

/** What these call are the parts of normalising: decoding, a span's view, a dialect's reading, `recordId` … */
const WHOLES = ["recordsOf", "recordOf"];

/** Samples normalising all inputs in turns for some seconds. */
export async function profileNormalize(seconds: number): Promise<NormalizeProfile> {
  const inputs = await normalizeInputs();
  const price = createPrices(null).cost;
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 200 });
  await session.post("Profiler.start");
  const endMs = performance.now() + seconds * 1_000;
  const normalize = createFrameNormalizer(price);
  while (performance.now() < endMs) for (const { frames } of inputs) for (const frame of frames) normalize(frame);
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return sharesOf(profile.nodes);
}

function sharesOf(nodes: Profiler.ProfileNode[]): NormalizeProfile {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const all = nodes.reduce((sum, { hitCount = 0 }) => sum + hitCount, 0);
  const shares: NormalizeProfile = {};
  const visit = (node: Profiler.ProfileNode, part: string, parent: string) => {
    const { functionName, url } = node.callFrame;
    const isPart = WHOLES.includes(parent) || functionName === "(garbage collector)";
    const inside = isPart ? functionName || basename(url) : part;
    shares[inside] = (shares[inside] ?? 0) + (node.hitCount ?? 0) / all;
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child !== undefined) visit(child, inside, functionName);
    }
  };
  if (nodes[0]) visit(nodes[0], "rest", "");
  return shares;
}
