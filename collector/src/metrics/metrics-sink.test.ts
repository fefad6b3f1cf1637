import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createDatabase,
  type EmbeddedClickHouse,
  type JournalCursor,
  migrate,
  openRows,
  type Rows,
  startEmbeddedClickHouse,
} from "@runledger/storage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSeenRecords } from "../integrate/seen-records.ts";
import type { NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";
import { createResolver } from "../resolve/resolver.ts";
import { createMetricsSink } from "./metrics-sink.ts";

const logger = { info() {}, warn() {}, error() {} };
let dir: string;
let server: EmbeddedClickHouse;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-metrics-"));
  server = await startEmbeddedClickHouse({ dir, logger });
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

let databases = 0;
async function withDatabase(test: (rows: Rows) => Promise<void>): Promise<void> {
  const name = `metrics_${++databases}`;
  const url = server.url.replace(/[^/]+$/, name);
  await createDatabase(url);
  const rows = openRows(url);
  await migrate(rows, { retentionDays: 400 });
  try {
    await test(rows);
  } finally {
    await rows.command(`DROP DATABASE ${name}`);
    await rows.close();
  }
}

/** What is durable about a sink: its cursors outlive it. */
function memoryCursor(): JournalCursor {
  let nextSeq = 1;
  return {
    load: () => Promise.resolve(nextSeq),
    save: (seq) => {
      nextSeq = seq;
      return Promise.resolve();
    },
  };
}

function sinkOver(
  rows: Rows,
  cursor = memoryCursor(),
  intent = memoryCursor(),
  seenLimit = 1_000,
  installation = "test",
) {
  const counted = { duplicates: 0, conflicts: 0 };
  const sink = createMetricsSink(
    {
      rows,
      cursor,
      intent,
      seen: createSeenRecords(seenLimit),
      prices: { contextWindow: () => 128_000 },
      resolver: createResolver(rows),
      onWritten: ({ duplicates, conflicts }) => {
        counted.duplicates += duplicates;
        counted.conflicts += conflicts;
      },
    },
    { installation, maxRowsPerInsert: 7 },
  );
  return { sink, cursor, intent, counted };
}

const now = Date.now();
function timeAt(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000000Z`;
}

function recordOf(n: number, changed = ""): NormalizedRecord {
  const runId = `run-${Math.floor(n / 5)}`;
  return {
    facts: {
      v: 1,
      record_id: createHash("sha256").update(`${n}${changed}`).digest("hex"),
      tenant: "default",
      event: "step",
      kind: n % 2 === 0 ? "llm" : "tool",
      name: "step",
      operation: null,
      run_id: runId,
      trace_id: createHash("md5").update(runId).digest("hex"),
      step_id: n.toString(16).padStart(16, "0"),
      parent_id: null,
      root: n % 5 === 0,
      dialect: "test",
      start_time: timeAt(now - 1_000),
      end_time: timeAt(now),
      received_time: timeAt(now + n),
      status: "ok",
      error: null,
      run_seq: n % 5,
      run: {
        task_id: null,
        task_type: "ticket",
        agent_name: "support",
        agent_version: null,
        session_id: null,
        user_id: null,
        heartbeat_interval_ms: null,
      },
      llm: null,
      tool: null,
      end: null,
      cost: null,
      attributes: {},
      events: [],
      links: [],
      resource: {},
      scope: { name: "", version: "" },
    },
    content: {},
    inputPreview: "in",
    outputPreview: "out",
  };
}

function frame(seq: number, ...records: NormalizedRecord[]): NormalizedFrame {
  return { seq, records, bodyBytes: 1 };
}
/** Frames [from, to) of ten records each, numbered by their frame. */
function framesOf(from: number, to: number): NormalizedFrame[] {
  return Array.from({ length: to - from }, (_, i) =>
    frame(from + i, ...Array.from({ length: 10 }, (_, n) => recordOf((from + i) * 10 + n))),
  );
}

async function countsOf(rows: Rows): Promise<string[]> {
  const [counts] = await rows.query<{ counts: string[] }>(
    `SELECT [(SELECT count() FROM steps), (SELECT uniqExact(record_id) FROM steps),
       (SELECT sum(records) FROM runs), (SELECT sum(steps) FROM usage_by_minute)] AS counts`,
  );
  return counts?.counts ?? [];
}
const times = (n: number) => [n, n, n, n].map(String);

describe("the metrics sink", () => {
  it("writes each record once, in large inserts that are split too", () =>
    withDatabase(async (rows) => {
      const { sink, cursor } = sinkOver(rows);
      expect(await sink.open()).toEqual({ nextSeq: 1, mustEndAt: null });
      await sink.write(framesOf(1, 4));
      await sink.write(framesOf(4, 5));
      expect(await countsOf(rows)).toEqual(times(40));
      expect(await cursor.load()).toBe(5);
    }));

  it("drops duplicates, also of one batch and of one before a restart, and keeps and flags conflicts", () =>
    withDatabase(async (rows) => {
      const { sink, cursor, intent, counted } = sinkOver(rows);
      await sink.open();
      await sink.write([frame(1, recordOf(1), recordOf(2), recordOf(1))]);
      await sink.write([frame(2, recordOf(2), recordOf(1, "changed"))]);
      expect(counted).toEqual({ duplicates: 2, conflicts: 1 });

      const restarted = sinkOver(rows, cursor, intent);
      await restarted.sink.open();
      await restarted.sink.write([frame(3, recordOf(1), recordOf(2), recordOf(1, "changed"), recordOf(3))]);
      expect(restarted.counted).toEqual({ duplicates: 3, conflicts: 0 });
      expect(await rows.query("SELECT step_id, conflict FROM steps ORDER BY step_id, conflict")).toEqual(
        [1, 1, 2, 3].map((n, i) => ({ step_id: recordOf(n).facts.step_id, conflict: i === 1 })),
      );
    }));

  it("finds duplicates that are older than its window", () =>
    withDatabase(async (rows) => {
      const { sink, cursor, intent, counted } = sinkOver(rows, memoryCursor(), memoryCursor(), 20);
      await sink.open();
      for (let seq = 1; seq < 6; seq++) await sink.write(framesOf(seq, seq + 1));
      await sink.write([frame(6, recordOf(10), recordOf(11))]);
      expect(counted.duplicates).toBe(2);
      const restarted = sinkOver(rows, cursor, intent, 20);
      await restarted.sink.open();
      await restarted.sink.write([frame(7, recordOf(12), recordOf(13))]);
      expect(restarted.counted.duplicates).toBe(2);
      expect(await countsOf(rows)).toEqual(times(50));
    }));

  it("takes a late copy under another tenant for a record of its own", () =>
    withDatabase(async (rows) => {
      const { sink, counted } = sinkOver(rows, memoryCursor(), memoryCursor(), 20);
      await sink.open();
      for (let seq = 1; seq < 6; seq++) await sink.write(framesOf(seq, seq + 1));
      const { facts, ...content } = recordOf(10);
      await sink.write([frame(6, { ...content, facts: { ...facts, tenant: "other" } }, recordOf(10))]);
      expect(counted.duplicates).toBe(1);
      expect(await rows.query("SELECT DISTINCT tenant FROM steps ORDER BY tenant")).toEqual([
        { tenant: "default" },
        { tenant: "other" },
      ]);
    }));

  it("gives a batch in flight again after a crash, and counts it once", () =>
    withDatabase(async (rows) => {
      const cursor = memoryCursor();
      const intent = memoryCursor();
      const first = sinkOver(
        rows,
        { ...cursor, save: (seq) => (seq > 1 ? Promise.reject(new Error("crash")) : cursor.save(seq)) },
        intent,
      );
      await first.sink.open();
      await expect(first.sink.write(framesOf(1, 4))).rejects.toThrow("crash");
      expect(await countsOf(rows)).toEqual(times(30));

      const second = sinkOver(rows, cursor, intent);
      expect(await second.sink.open()).toEqual({ nextSeq: 1, mustEndAt: 4 });
      await second.sink.write(framesOf(1, 4));
      await second.sink.write(framesOf(4, 5));
      expect(await countsOf(rows)).toEqual(times(40));
    }));

  it("completes a batch of which a crash left the table filled and a view behind", () =>
    withDatabase(async (rows) => {
      const { sink, cursor, intent } = sinkOver(rows);
      await sink.open();
      await rows.command("DETACH TABLE runs_from_steps");
      await intent.save(4);
      await sink.write(framesOf(1, 4));
      await rows.command("ATTACH TABLE runs_from_steps");
      await cursor.save(1);

      const second = sinkOver(rows, cursor, intent);
      expect(await second.sink.open()).toEqual({ nextSeq: 1, mustEndAt: 4 });
      await second.sink.write(framesOf(1, 4));
      expect(await countsOf(rows)).toEqual(times(30));
    }));

  it(
    "has every acknowledged batch once, wherever kill -9 hits ClickHouse",
    () =>
      withDatabase(async (rows) => {
        const { sink } = sinkOver(rows);
        const write = (seq: number) => untilItSucceeds(() => sink.write(framesOf(seq * 2 - 1, seq * 2 + 1)));
        await sink.open();
        await write(1);
        const kills = 3;
        for (let kill = 0; kill < kills; kill++) {
          const since = performance.now();
          await write(kill * 2 + 2);
          const writeMs = performance.now() - since;
          // Before, between and within the inserts of the next batch, each time a little later.
          const restarts = server.restarts();
          const pid = server.pid();
          if (pid === null) throw new Error("ClickHouse is not up");
          setTimeout(() => process.kill(pid, "SIGKILL"), (writeMs * (kill + 0.5)) / kills);
          await write(kill * 2 + 3);
          await expect.poll(() => server.restarts(), { timeout: 10_000 }).toBe(restarts + 1);
        }
        await untilItSucceeds(() => rows.ping());
        expect(await countsOf(rows)).toEqual(times((kills * 2 + 1) * 20));
      }),
    120_000,
  );
});

async function untilItSucceeds(act: () => Promise<void>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Error && "retryable" in error && error.retryable)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("ClickHouse did not come back");
}
