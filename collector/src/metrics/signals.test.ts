import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EmbeddedClickHouse,
  loadOrCreateSigningKey,
  migrate,
  type Objects,
  openJournalCursor,
  openObjects,
  openRows,
  type Rows,
  startEmbeddedClickHouse,
} from "@runledger/storage";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuditSink } from "../audit/audit-sink.ts";
import { createSeenRecords } from "../integrate/seen-records.ts";
import { normalizeFrame } from "../normalize/normalize-frame.ts";
import type { NormalizedFrame } from "../normalize/normalized.ts";
import { createPrices } from "../normalize/price.ts";
import { rebuild } from "../rebuild/rebuild.ts";
import { createResolver } from "../resolve/resolver.ts";
import { createMetricsSink } from "./metrics-sink.ts";

const logger = pino({ level: "silent" });
const prices = createPrices(null);
const now = BigInt(Date.now()) * 1_000_000n;
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

const span = {
  traceId: TRACE,
  spanId: SPAN,
  name: "chat",
  startTimeUnixNano: String(now),
  endTimeUnixNano: String(now + 1_000_000n),
  attributes: [text("gen_ai.operation.name", "chat"), { key: "gen_ai.usage.input_tokens", value: { intValue: 12 } }],
};
const log = (said: string, more: object = {}) => ({
  traceId: TRACE,
  spanId: SPAN,
  timeUnixNano: String(now + 1n),
  eventName: "gen_ai.user.message",
  body: { kvlistValue: { values: [text("content", said)] } },
  attributes: [text("gen_ai.agent.name", "from a log")],
  ...more,
});
const metric = (...counts: number[]) => ({
  name: "gen_ai.client.token.usage",
  histogram: {
    aggregationTemporality: 2,
    dataPoints: counts.map((count) => ({
      timeUnixNano: String(now),
      count,
      sum: count * 2,
      bucketCounts: [count],
      attributes: [],
    })),
  },
});

type Signal = "traces" | "logs" | "metrics";
const requests: Record<Signal, (items: object[]) => object> = {
  traces: (spans) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
  logs: (logRecords) => ({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }),
  metrics: (metrics) => ({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }),
};
let seq = 0;
function frameOf(signal: Signal, ...items: object[]): NormalizedFrame {
  seq += 1;
  const body = Buffer.from(JSON.stringify(requests[signal](items)));
  const frame = { seq, signal, format: "json", encoding: "identity", tenant: "default" } as const;
  return normalizeFrame({ ...frame, receivedUnixNano: now, body }, prices.cost);
}

let dir: string;
let server: EmbeddedClickHouse;
let rows: Rows;
let objects: Objects;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-signals-"));
  server = await startEmbeddedClickHouse({ dir: join(dir, "clickhouse"), logger });
  rows = openRows(server.url);
  await migrate(rows, { retentionDays: 400 });
  objects = await openObjects(`file:${dir}/objects`);
});
afterAll(async () => {
  await rows.close();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

async function openSinks() {
  const cursor = (name: string) => openJournalCursor(join(dir, "journal"), name);
  const key = await loadOrCreateSigningKey(join(dir, "log.key"), "runledger.local/test/0");
  const seen = () => createSeenRecords();
  const audit = createAuditSink(
    { objects, key, cursor: cursor("audit"), keys: null, seen: seen(), logger },
    { shard: "0" },
  );
  const metrics = createMetricsSink(
    {
      rows,
      prices,
      cursor: cursor("metrics"),
      intent: cursor("metrics-intent"),
      seen: seen(),
      resolver: createResolver(rows),
    },
    { installation: "test" },
  );
  for (const sink of [audit, metrics]) await sink.open();
  return async (...frames: NormalizedFrame[]) => {
    for (const sink of [audit, metrics]) await sink.write(frames);
  };
}

const count = async (sql: string) => Number((await rows.query<{ n: string }>(`SELECT count() AS n FROM ${sql}`))[0]?.n);
const steps = () => rows.query("SELECT * EXCEPT (journal_seq, journal) FROM steps ORDER BY record_id");
const points = () =>
  rows.query<Record<string, unknown>>("SELECT * EXCEPT journal_seq FROM metric_points FINAL ORDER BY record_id, point");
const run = () =>
  rows.query(`SELECT sum(records) AS records, sum(steps) AS steps, sum(llm_calls) AS llm_calls, sum(input_tokens) AS input_tokens,
    min(agent).name AS agent, min(dialect).value AS dialect FROM runs WHERE run_id = '${TRACE}' GROUP BY run_id`);

describe("logs and metrics in ClickHouse", () => {
  test("come in once, however often and in whatever batches they are sent, also after a restart", async () => {
    const write = await openSinks();
    await write(frameOf("logs", log("a"), log("b")), frameOf("metrics", metric(1, 2)));
    await write(
      frameOf("traces", span),
      frameOf("logs", log("b"), log("c")),
      frameOf("metrics", metric(1, 2), metric(3)),
    );
    const again = await openSinks();
    await again(frameOf("logs", log("c"), log("a"), log("b")), frameOf("metrics", metric(3)), frameOf("traces", span));
    expect(await count("steps WHERE event = 'log'")).toBe(3);
    expect(await count("steps WHERE event = 'step'")).toBe(1);
    expect((await points()).map((point) => [point["count"], point["sum"], point["bucket_counts"]])).toEqual(
      expect.arrayContaining([
        ["1", 2, ["1"]],
        ["2", 4, ["2"]],
        ["3", 6, ["3"]],
      ]),
    );
    expect(await points()).toHaveLength(3);
  });

  test("never conflict with their span, nor add to what it tells of its run", async () => {
    expect(await count("steps WHERE conflict")).toBe(0);
    expect(await run()).toMatchObject([
      { records: "4", steps: "1", llm_calls: "1", input_tokens: "12", dialect: "otel-genai" },
    ]);
    const write = await openSinks();
    await write(
      frameOf("traces", {
        ...span,
        spanId: "b7ad6b7169203332",
        attributes: [text("gen_ai.agent.name", "of a span"), ...span.attributes],
      }),
    );
    expect(await run()).toMatchObject([{ agent: "of a span" }]);
  });

  test("without a run are in the log and not among the steps", async () => {
    const write = await openSinks();
    await write(frameOf("logs", log("of nobody", { traceId: "", spanId: "" })));
    expect(await count("steps WHERE run_id = ''")).toBe(0);
  });

  test("take a metric of any size, and what no column holds", async () => {
    const write = await openSinks();
    const before = (await points()).length;
    const many = metric(...Array.from({ length: 3_000 }, (_, i) => i));
    const odd = {
      timeUnixNano: "9223372036854775807",
      startTimeUnixNano: "1",
      count: "18446744073709551615",
      sum: "NaN",
      bucketCounts: ["18446744073709551615"],
    };
    await write(frameOf("metrics", many, { ...metric(), histogram: { dataPoints: [odd] } }));
    expect(await points()).toHaveLength(before + 3_001);
    expect(await count("metric_points WHERE count IS NULL AND sum IS NULL AND empty(bucket_counts)")).toBe(1);
  });

  test("are the same after a rebuild from the log", async () => {
    const before = [await steps(), await points(), await run()];
    const dependencies = { objects, rows, prices, keyring: null, clock: () => performance.now() };
    await rebuild(dependencies, { journalDir: join(dir, "journal") });
    expect([await steps(), await points(), await run()]).toEqual(before);
  });
});
