import { promisify } from "node:util";
import { gzip, zstdCompress } from "node:zlib";
import { OtlpError, unpackBody } from "@runledger/collector";
import fc from "fast-check";
import { type Corpus, createProtobufEncoder, type Signal } from "./corpus.ts";
import { almostContent, hostileText, hostileValue } from "./hostile.ts";
import type { Inspection, Request } from "./inspection.ts";
import { byteMutation, type Mutation, mutated, mutatedBytes, mutationOf } from "./mutation.ts";

/** One way of making inputs. `share`: of all inputs. */
export interface Target {
  name: string;
  share: number;
  property(inspection: Inspection): fc.IAsyncProperty<unknown>;
}

const MAX_UNPACKED_BYTES = 1024 * 1024;
const compress = { gzip: promisify(gzip), zstd: promisify(zstdCompress) };

export function createTargets(corpus: Corpus): Target[] {
  const encode = createProtobufEncoder();
  const mutations = fc.array(mutationOf(corpus), { minLength: 1, maxLength: 6 });
  const requestOf = (signal: Signal) =>
    fc.constantFrom(...corpus.requests[signal].map((request) => JSON.stringify(request)));

  const bodies = new Map<string, Request>();

  /** Real requests with some fields changed. As protobuf where it has room for them, else in JSON. */
  const changed = (signal: Signal, format: Request["format"], share: number): Target => ({
    name: `${signal}, ${format}, changed fields`,
    share,
    property: (inspection) =>
      fc.asyncProperty(requestOf(signal), mutations, (request, changes) =>
        inspection.inspect(bodyOf(signal, format, mutated(request, changes), encode)),
      ),
  });
  /** Real requests with some bytes changed. */
  const damaged = (signal: Signal, format: Request["format"], share: number): Target => ({
    name: `${signal}, ${format}, changed bytes`,
    share,
    property: (inspection) =>
      fc.asyncProperty(requestOf(signal), fc.array(byteMutation, { maxLength: 5 }), (request, changes) => {
        const plain = bodies.get(`${format} ${request}`) ?? bodyOf(signal, format, JSON.parse(request), encode);
        bodies.set(`${format} ${request}`, plain);
        return inspection.inspect({ ...plain, body: mutatedBytes(plain.body, changes) });
      }),
  });
  const formats = ["json", "protobuf"] as const;
  return [
    ...formats.map((format) => changed("traces", format, 24)),
    ...formats.map((format) => damaged("traces", format, 8)),
    ...formats.map((format) => changed("logs", format, 6)),
    ...formats.map((format) => damaged("logs", format, 3)),
    ...formats.map((format) => changed("metrics", format, 4)),
    ...formats.map((format) => damaged("metrics", format, 3)),
    madeUp(corpus),
    noise,
    packed(corpus, encode),
    huge(corpus),
  ];
}

function bodyOf(
  signal: Signal,
  format: Request["format"],
  request: object,
  encode: ReturnType<typeof createProtobufEncoder>,
): Request {
  if (format === "protobuf") {
    try {
      return { signal, format, body: encode(signal, request) };
    } catch {
      // protobuf has no room for such a value: it goes as JSON
    }
  }
  return { signal, format: "json", body: Buffer.from(JSON.stringify(request)) };
}

/** Spans that are made of nothing but keys that mean something, with values that nobody expects. */
function madeUp({ keys, words }: Corpus): Target {
  const content = almostContent(words).map((stringValue) => ({ stringValue }));
  const attribute = fc.record({ key: fc.constantFrom(...keys), value: fc.oneof(hostileValue, content) });
  const span = fc.record({
    attributes: fc.array(attribute, { maxLength: 12 }),
    name: hostileText,
    kind: fc.nat(6),
    status: fc.record({ code: fc.nat(3), message: hostileText }),
    startTimeUnixNano: fc.constantFrom("1", "1700000000000000000", "9223372036854775807", "4291747200000000000"),
    lastsNanos: fc.constantFrom(0n, 1n, 10n ** 18n, -1n, -3_600_000_000_000n),
    events: fc.array(fc.record({ name: hostileText, timeUnixNano: fc.constantFrom("0", "18446744073709551615") }), {
      maxLength: 1,
    }),
  });
  return {
    name: "traces, made up",
    share: 10,
    property: (inspection) =>
      fc.asyncProperty(fc.array(span, { minLength: 1, maxLength: 2 }), (spans) =>
        inspection.inspect(
          jsonTraces(spans.map(({ lastsNanos, ...facts }, index) => spanOf(facts, lastsNanos, index))),
        ),
      ),
  };
}

function spanOf(facts: { startTimeUnixNano: string }, lastsNanos: bigint, index: number): object {
  const end = BigInt(facts.startTimeUnixNano) + lastsNanos;
  return { traceId: "ab".repeat(16), spanId: `${index + 1}`.padStart(16, "0"), ...facts, endTimeUnixNano: `${end}` };
}

function jsonTraces(spans: object[]): Request {
  const request = { resourceSpans: [{ scopeSpans: [{ scope: { name: "fuzz" }, spans }] }] };
  return { signal: "traces", format: "json", body: Buffer.from(JSON.stringify(request)) };
}

/** Bytes that never were a request. */
const noise: Target = {
  name: "noise",
  share: 4,
  property: (inspection) =>
    fc.asyncProperty(
      fc.constantFrom<Signal>("traces", "logs", "metrics"),
      fc.constantFrom("json", "protobuf"),
      fc.oneof(fc.uint8Array({ maxLength: 200 }), hostileText.map(Buffer.from), fc.json().map(Buffer.from)),
      (signal, format, bytes) => inspection.inspect({ signal, format, body: Buffer.from(bytes) }),
    ),
};

/** Compressed bodies, damaged ones and such that unpack to more than is taken among them. */
function packed(corpus: Corpus, encode: ReturnType<typeof createProtobufEncoder>): Target {
  const content = fc.oneof(
    fc.constantFrom(...corpus.requests.traces).map((request) => encode("traces", request)),
    fc
      .constantFrom(0, 1, MAX_UNPACKED_BYTES, MAX_UNPACKED_BYTES + 1, 20 * MAX_UNPACKED_BYTES)
      .map((size) => Buffer.alloc(size)),
  );
  return {
    name: "compressed bodies",
    share: 2,
    property: (inspection) =>
      fc.asyncProperty(
        fc.constantFrom("gzip", "zstd"),
        content,
        fc.array(byteMutation, { maxLength: 3 }),
        async (encoding, plain, changes) => {
          const bytes = mutatedBytes(await compress[encoding](plain), changes);
          let reserved = 0;
          const reserve = (size: number) => {
            reserved = Math.max(reserved, size);
          };
          const unpacked = await unpackBody(bytes, encoding, MAX_UNPACKED_BYTES, reserve).catch((error: unknown) => {
            if (error instanceof OtlpError && ["malformed", "too_large"].includes(error.code)) return null;
            throw error;
          });
          if (reserved > MAX_UNPACKED_BYTES) throw new Error(`${reserved} bytes reserved`);
          if (unpacked === null) return;
          if (unpacked.length > MAX_UNPACKED_BYTES) throw new Error(`unpacked to ${unpacked.length} bytes`);
          await inspection.inspect({ signal: "traces", format: "protobuf", body: unpacked });
        },
      ),
  };
}

/** Few, and large: attributes, keys, texts, lists and nesting by the ten thousand. */
function huge({ keys }: Corpus): Target {
  const size = fc.constantFrom(1_000, 10_000, 100_000);
  const text = (stringValue: string) => ({ stringValue });
  const attributes = fc.oneof(
    size.map((count) => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: text("v") }))),
    fc
      .tuple(fc.constantFrom(...keys), size)
      .map(([key, count]) =>
        Array.from({ length: count }, (_, i) => ({ key: key.replace(/\d+|$/, `.${i}.x`), value: text(`${i}`) })),
      ),
    fc
      .tuple(fc.constantFrom(...keys), size)
      .map(([key, count]) => Array.from({ length: count }, () => ({ key, value: text("again") }))),
    fc
      .tuple(fc.constantFrom(...keys), fc.constantFrom("[", '{"parts":[', '{"content":', '[{"a":'), size)
      .map(([key, open, depth]) => [{ key, value: text(open.repeat(depth)) }]),
    fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...LONG)).map(([key, value]) => [{ key, value }]),
    fc
      .tuple(fc.constantFrom(...keys), size)
      .map(([key, depth]) => [{ key, value: text(`${'{"content":['.repeat(depth)}${"]}".repeat(depth)}`) }]),
    fc.tuple(fc.constantFrom(...keys), size).map(([key, count]) => [
      {
        key,
        value: text(
          JSON.stringify([{ role: "assistant", parts: Array.from({ length: count / 10 }, (_, i) => toolCall(i)) }]),
        ),
      },
    ]),
  );
  return {
    name: "huge",
    share: 0.01,
    property: (inspection) =>
      fc.asyncProperty(attributes, fc.constantFrom(...corpusOperations), (some, operation) =>
        inspection.inspect(
          jsonTraces([
            spanOf(
              {
                startTimeUnixNano: "1700000000000000000",
                ...{ attributes: [...some, { key: "gen_ai.operation.name", value: text(operation) }] },
              },
              1n,
              0,
            ),
          ]),
        ),
      ),
  };
}

const corpusOperations = ["chat", "execute_tool", "invoke_agent", "retrieval", "x".repeat(100_000)];
const toolCall = (i: number) => ({ type: "tool_call", id: `call-${i}`, name: `tool-${i}`, arguments: { i } });
const LONG = [
  { stringValue: "x".repeat(1_000_000) },
  { stringValue: "\ud800".repeat(300_000) },
  { stringValue: JSON.stringify("\u0000".repeat(100_000)) },
  { bytesValue: "A".repeat(400_000) },
  { arrayValue: { values: Array.from({ length: 50_000 }, () => ({ stringValue: "x" })) } },
];

export type { Mutation };
