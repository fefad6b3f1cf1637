import { readdir, readFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";
import { basename, join } from "node:path";
import {
  createPrices,
  decodeAcceptedSpans,
  decodeTraces,
  decodeTracesAsGenerated,
  encodeTraces,
  entryText,
  normalizeFrame,
  type Pricer,
  stepRow,
} from "@runledger/collector";
import { createSpanBatch } from "./spans.ts";

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
  /** The decoder that is generated from the protobuf files. */
  generatedDecode: number;
  /** From OTLP to normal form, decoding included. */
  whole: number;
  entryText: number;
  stepRow: number;
}

/** Where the CPU time of normalising goes: share of the profile's samples within each part, by its function. */
export type NormalizeProfile = Record<string, number>;

type Frame = Parameters<typeof normalizeFrame>[0];
interface Input {
  name: string;
  frame: Frame;
  spans: number;
}

const CAPTURES = join(import.meta.dirname, "../captures");
/** A frame holds about as much as a busy exporter's request. */
const SPANS_PER_FRAME = 256;

/** Normalising next to decoding the same protobuf requests: those of test/load, and what the integration tests captured. */
export async function benchNormalize(settings: NormalizeBenchSettings): Promise<NormalizeFigures[]> {
  const inputs = await inputsOf();
  const price = createPrices(null).cost;
  const rounds = new Map<Input, Omit<NormalizeFigures, "input" | "bytesPerSpan">[]>();
  for (let round = -1; round < settings.rounds; round += 1) {
    for (const input of inputs) {
      const figures = measure(input, price, settings.sampleMs);
      if (round >= 0) rounds.set(input, [...(rounds.get(input) ?? []), figures]); // the first one only warms up
    }
  }
  return inputs.map((input) => ({
    input: input.name,
    bytesPerSpan: input.frame.body.byteLength / input.spans,
    ...lowestOf(rounds.get(input) ?? []),
  }));
}

function measure({ frame, spans }: Input, price: Pricer, sampleMs: number) {
  const { records } = normalizeFrame(frame, price);
  const micros = (act: () => void) => cpuMicros(act, sampleMs) / spans;
  return {
    decode: micros(() => decodeAcceptedSpans(frame)),
    generatedDecode: micros(() =>
      decodeTracesAsGenerated(Buffer.from(frame.body.buffer, frame.body.byteOffset, frame.body.byteLength)),
    ),
    whole: micros(() => normalizeFrame(frame, price)),
    entryText: micros(() => {
      for (const { facts } of records) entryText({ ...facts, conflict: false, payloads: {} });
    }),
    stepRow: micros(() => {
      for (const { facts, inputPreview, outputPreview } of records)
        stepRow(facts, { conflict: false, inputPreview, outputPreview, contextWindow: null, journalSeq: 1 });
    }),
  };
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
  const inputs = await inputsOf();
  const price = createPrices(null).cost;
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 200 });
  await session.post("Profiler.start");
  const endMs = performance.now() + seconds * 1_000;
  while (performance.now() < endMs) for (const { frame } of inputs) normalizeFrame(frame, price);
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

async function inputsOf(): Promise<Input[]> {
  const inputs = [inputOf("1 KB spans of test/load", createSpanBatch(SPANS_PER_FRAME, 1_770_000_000_000).next())];
  const files = await readdir(CAPTURES).catch(() => []);
  for (const file of files.filter((name) => name.endsWith(".json")).sort()) {
    const bodies = await bodiesOf(join(CAPTURES, file));
    if (bodies.length > 0) inputs.push(inputOf(basename(file, ".json"), repeated(Buffer.concat(bodies))));
  }
  return inputs;
}

/** The captured trace requests as protobuf. */
async function bodiesOf(file: string): Promise<Buffer[]> {
  const { traces = [] }: { traces?: unknown[] } = JSON.parse(await readFile(file, "utf8"));
  return traces
    .map((request) => decodeTraces(Buffer.from(JSON.stringify(request)), "json"))
    .map((request) => Buffer.from(encodeTraces(withLongs(request) as object)));
}

/** 64-bit values in the form that the encoder takes. */
function withLongs(value: unknown): unknown {
  if (typeof value === "bigint")
    return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: true };
  if (Array.isArray(value)) return value.map(withLongs);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withLongs(member)]));
}

/** Protobuf joins messages that follow each other: the lists of both are one list. */
function repeated(body: Buffer): Buffer {
  const spans = inputOf("", body).spans;
  return Buffer.concat(Array.from({ length: Math.ceil(SPANS_PER_FRAME / Math.max(1, spans)) }, () => body));
}

function inputOf(name: string, body: Buffer): Input {
  const frame: Frame = {
    seq: 1,
    signal: "traces",
    format: "protobuf",
    encoding: "identity",
    tenant: "default",
    receivedUnixNano: 1_770_000_000_000_000_000n,
    body,
  };
  return { name, frame, spans: decodeAcceptedSpans(frame).length };
}
