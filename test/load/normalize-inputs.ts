import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { decodeAcceptedSpans, decodeTraces, encodeTraces, type normalizeFrame } from "@runledger/collector";
import { createSpanBatch } from "./spans.ts";

export type Frame = Parameters<typeof normalizeFrame>[0];

/** What one agent sends, run after run. */
export interface NormalizeInput {
  name: string;
  frames: Frame[];
  /** The same requests in OTLP/JSON; none for what there is no capture of. */
  jsons: string[];
  /** Of all frames. */
  spans: number;
  bytesPerSpan: number;
}

const CAPTURES = join(import.meta.dirname, "../captures");
/** Of a capture: more than any memory of texts holds would not be like a sender, fewer would be known by heart. */
const VARIANTS = 128;
const NOW_NANOS = 1_770_000_000_000_000_000n;

/**
 * Requests as protobuf: those of test/load, and what the integration tests captured, each capture as the requests of many runs of its agent.
 * From run to run what was asked and answered differs, and every id; the tools, the system prompt and the settings are the agent's and stay.
 */
export async function normalizeInputs(): Promise<NormalizeInput[]> {
  const batch = createSpanBatch(256, 1_770_000_000_000);
  const inputs = [inputOf("1 KB spans of test/load", [batch.next(), batch.next()])];
  const files = await readdir(CAPTURES).catch(() => []);
  for (const file of files.filter((name) => name.endsWith(".json")).sort()) {
    const { traces = [] }: { traces?: unknown[] } = JSON.parse(await readFile(join(CAPTURES, file), "utf8"));
    if (traces.length === 0) continue;
    const runs = Array.from({ length: VARIANTS }, (_, run) => traces.map((request) => asOfRun(request, run)));
    inputs.push(inputOf(basename(file, ".json"), runs.flat().map(bodyOf), runs.flat()));
  }
  return inputs;
}

/** What the agents of the captures are asked about, and how providers' ids begin. */
const SAID =
  /\b(?:Paris|Rome|Oslo|Bergen|Nothing warm|A hat|Second time|In Oslo|So dry|Dry|degrees|rain from noon|Let me)\b/g;
const IDS = /\b(?:call_|chatcmpl-|resp_|msg_|toolu_|fc_|rs_)[A-Za-z0-9]+/g;

function asOfRun(request: unknown, run: number): string {
  const letters = run.toString(36).padStart(3, "q");
  return JSON.stringify(request).replace(SAID, `$& ${letters}`).replace(IDS, `$&${letters}`);
}

function bodyOf(json: string): Buffer {
  return Buffer.from(encodeTraces(withLongs(decodeTraces(Buffer.from(json), "json")) as object));
}

/** 64-bit values in the form that the encoder takes. */
function withLongs(value: unknown): unknown {
  if (typeof value === "bigint")
    return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: true };
  if (Array.isArray(value)) return value.map(withLongs);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withLongs(member)]));
}

function inputOf(name: string, bodies: Buffer[], jsons: string[] = []): NormalizeInput {
  const frames = bodies.map(
    (body, index): Frame => ({
      seq: index + 1,
      signal: "traces",
      format: "protobuf",
      encoding: "identity",
      tenant: "default",
      receivedUnixNano: NOW_NANOS,
      body,
    }),
  );
  const spans = frames.reduce((sum, frame) => sum + decodeAcceptedSpans(frame).length, 0);
  const bytes = frames.reduce((sum, { body }) => sum + body.byteLength, 0);
  return { name, frames, jsons, spans, bytesPerSpan: bytes / spans };
}
