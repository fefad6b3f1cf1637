import type { Attributes, SpanContext, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { FailureKind } from "../failures.ts";
import type { RawModelCall } from "./raw-model-call.ts";

/** A record as the agent's thread leaves it: data alone, which another thread makes a span of. */
export interface RawRecord {
  /** Of this process's runs, numbered. */
  run: number;
  name: string;
  kind: SpanKind;
  context: SpanContext;
  parent: SpanContext | undefined;
  /** Epoch milliseconds, with fractions. */
  startTime: number;
  endTime: number;
  status: ReadableSpan["status"];
  attributes: Attributes;
  /** Tells the rest of a model call's. */
  modelCall?: RawModelCall | undefined;
  /** It was converted on the agent's thread, and is as it goes out. */
  made?: { id: string | undefined };
}

/** The id of the last record of each run before those that follow. */
export type Tails = readonly (readonly [run: number, recordId: string])[];

/** Records in their order, and what they follow: all that a conversion depends on. */
export interface Batch {
  records: readonly RawRecord[];
  tails: Tails;
}

/** What there is to tell of a conversion, once its records are on their way. */
export interface Told {
  /** By kind. */
  found: Record<string, number>;
  withheld: number;
  /** Contents that could not be looked through. */
  unreadable: number;
  failures: { kind: FailureKind; message: string }[];
}

export interface Conversion {
  spans: ReadableSpan[];
  /** The last record of each run, these included. */
  tails: Tails;
  told: Told;
}

/**
 * Makes spans of raw records: redacts them, and names in each the one before it. The same batch gives the same spans wherever and however
 * often it is converted, so that what is sent twice is kept once. Never throws.
 */
export type Convert = (batch: Batch) => Conversion;

/** Ids, times, names of attributes: what a record weighs in memory without its content, as measured (`npm run bench -- --only sdk`). */
const RECORD_BYTES = 2_560;

/** About what a record takes in memory and on the wire; exact for its strings, which is where content is. */
export function bytesOf({ attributes, modelCall }: Pick<RawRecord, "attributes" | "modelCall">): number {
  let bytes = RECORD_BYTES;
  if (modelCall !== undefined) bytes += modelCall.answer.length + Buffer.byteLength(modelCall.request ?? "");
  for (const key in attributes) {
    const value = attributes[key];
    if (typeof value === "string") bytes += Buffer.byteLength(value);
    else if (Array.isArray(value)) bytes += value.length * 64;
  }
  return bytes;
}
