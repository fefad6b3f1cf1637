import { readdirSync, readFileSync } from "node:fs";
import type { JournalFrame } from "@runledger/storage";
import { expect, test } from "vitest";
import { createFrameNormalizer } from "../normalize/normalize-frame.ts";
import { decodeTraces, encodeTraces } from "./decode.ts";

const CAPTURES = new URL("../../../test/captures/", import.meta.url);

interface JsonRequest {
  resourceSpans: { scopeSpans: { spans: object[] }[] }[];
}

test.each(readdirSync(CAPTURES))("%s: the same records as JSON and protobuf, whole and a span a request", (name) => {
  const { traces } = JSON.parse(readFileSync(new URL(name, CAPTURES), "utf8")) as { traces: JsonRequest[] };
  const json = recordsOf(traces.map((request) => [jsonOf(request), "json"]));
  expect(json.length).toBeGreaterThan(0);
  expect(recordsOf(traces.map((request) => [protobufOf(request), "protobuf"]))).toEqual(json);
  const alone = traces.flatMap(oneByOne).reverse();
  expect(
    recordsOf(alone.map((request, n) => (n % 2 ? [jsonOf(request), "json"] : [protobufOf(request), "protobuf"]))),
  ).toEqual(json);
});

/** What comes out of these requests, one after the other, in order of its ids. */
function recordsOf(requests: [Buffer, JournalFrame["format"]][]): object[] {
  const normalize = createFrameNormalizer(() => null);
  const records = requests.flatMap(([body, format], n) => {
    const at = { seq: n + 1, tenant: "default", receivedUnixNano: 1_767_225_600_000_000_000n };
    return normalize({ ...at, signal: "traces", format, encoding: "identity", body }).records;
  });
  return records.sort((a, b) => (a.facts.record_id < b.facts.record_id ? -1 : 1));
}

function oneByOne({ resourceSpans }: JsonRequest): JsonRequest[] {
  return resourceSpans.flatMap((ofResource) =>
    ofResource.scopeSpans.flatMap((ofScope) =>
      ofScope.spans.map((span) => ({
        resourceSpans: [{ ...ofResource, scopeSpans: [{ ...ofScope, spans: [span] }] }],
      })),
    ),
  );
}

function jsonOf(request: JsonRequest): Buffer {
  return Buffer.from(JSON.stringify(request));
}

function protobufOf(request: JsonRequest): Buffer {
  return Buffer.from(encodeTraces(forEncoder(decodeTraces(jsonOf(request), "json")) as object));
}

/** The encoder takes 64-bit integers in halves. */
function forEncoder(value: unknown): unknown {
  if (typeof value === "bigint")
    return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
  if (Array.isArray(value)) return value.map(forEncoder);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, forEncoder(item)]));
}
