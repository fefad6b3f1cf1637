import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StepRow } from "@runledger/contract";
import { NOTHING_KNOWN } from "@runledger/contract/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedClickHouse, startEmbeddedClickHouse } from "./embedded-server.ts";
import { DERIVED_TABLES, migrate } from "./migrate.ts";
import type { Unfit } from "./native-block.ts";
import { createDatabase, openRows } from "./open-rows.ts";
import type { Rows } from "./rows.ts";

const logger = { info() {}, warn() {}, error() {} };
let dir: string;
let server: EmbeddedClickHouse;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-rows-"));
  server = await startEmbeddedClickHouse({ dir, logger });
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

/** A database of its own for each test. */
let databases = 0;
async function withDatabase(test: (rows: Rows, url: string) => Promise<void>): Promise<void> {
  const url = server.url.replace(/[^/]+$/, `test_${++databases}`);
  await createDatabase(url);
  const rows = openRows(url);
  try {
    await test(rows, url);
  } finally {
    await rows.command(`DROP DATABASE test_${databases}`);
    await rows.close();
  }
}

function stepRow(overrides: Partial<StepRow> = {}): StepRow {
  return {
    ...NOTHING_KNOWN,
    record_id: "a".repeat(64),
    kind: "llm",
    name: "chat gpt-5",
    run_id: "run-1",
    trace_id: "b".repeat(32),
    step_id: "c".repeat(16),
    scope_name: "scope",
    start_time: "2026-11-21T05:00:00.123456789Z",
    end_time: "2026-11-21T05:00:01.123456789Z",
    received_time: `${new Date().toISOString().slice(0, -1)}000001Z`,
    latency_ms: 1000,
    run_seq: 1,
    task_type: "ticket",
    agent_name: "support",
    agent_version: "1.4.0",
    provider: "openai",
    operation: "chat",
    request_model: "gpt-5",
    response_model: "gpt-5-2026",
    finish_reasons: ["stop", "ünïcode 😀"],
    llm_counted: true,
    input_tokens: 9_007_199_254_740_991,
    output_tokens: 0,
    time_to_first_token_ms: 12.5,
    streaming: true,
    context_window: 128_000,
    tool_request_ids: ["call-1", ""],
    tool_request_names: ["search", "search"],
    tool_request_arguments: ["ab", ""],
    tool_result_ids: ["call-0"],
    tool_result_sha256: ["cd"],
    tool_result_bytes: [2 ** 40],
    tool_result_names: [""],
    tool_result_errors: [true],
    cost_usd: "12345678901234.123456789",
    price_table: "genai-prices",
    price_version: "0.1.8",
    tool_valid: false,
    input_preview: `wörd\t"${"x".repeat(190)}`,
    journal_seq: 7,
    ...overrides,
  };
}

describe("migrate", () => {
  it("creates the tables once and is idempotent", () =>
    withDatabase(async (rows) => {
      expect((await migrate(rows, { retentionDays: 400 })).length).toBeGreaterThan(3);
      expect(await migrate(rows, { retentionDays: 400 })).toEqual([]);
    }));

  it("changes the retention of every table when the setting changes", () =>
    withDatabase(async (rows) => {
      await migrate(rows, { retentionDays: 400 });
      await migrate(rows, { retentionDays: 30 });
      const tables = await rows.query<{ name: string; sql: string }>(
        "SELECT name, create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name NOT IN ('migrations', 'journals')",
      );
      expect(tables.map(({ name }) => name).sort()).toEqual([...DERIVED_TABLES].sort());
      for (const { name, sql } of tables) expect(sql, name).toContain("toIntervalDay(30)");
    }));

  it("refuses a retention that ClickHouse's clock can't tell", () =>
    withDatabase(async (rows) => {
      for (const retentionDays of [0, -1, 1.5, 36_500])
        await expect(migrate(rows, { retentionDays })).rejects.toMatchObject({ code: "rejected" });
    }));

  it("drops expired rows", () =>
    withDatabase(async (rows) => {
      await migrate(rows, { retentionDays: 30 });
      await rows.insert("steps", [stepRow({ received_time: "2020-01-01T00:00:00.000000000Z" })], "old");
      await rows.insert("steps", [stepRow({ received_time: new Date().toISOString() })], "new");
      for (const table of ["steps", "runs", "usage_by_minute"]) {
        await rows.command(`OPTIMIZE TABLE ${table} FINAL`);
        expect(await rows.query(`SELECT count() AS n FROM ${table}`), table).toEqual([{ n: "1" }]);
      }
    }));
});

describe("insert", () => {
  it("keeps every column of a step exactly", () =>
    withDatabase(async (rows) => {
      await migrate(rows, { retentionDays: 400 });
      const row = stepRow();
      await rows.insert("steps", [row], "1-2");
      const [back] = await rows.query<Record<string, unknown>>("SELECT * FROM steps");
      expect(back).toEqual({
        ...row,
        tool_result_bytes: [String(2 ** 40)],
        context_window: "128000",
        input_tokens: "9007199254740991",
        output_tokens: "0",
        run_seq: "1",
        journal_seq: "7",
      });
    }));

  it("counts a repeated insert once, in the views too", () =>
    withDatabase(async (rows) => {
      await migrate(rows, { retentionDays: 400 });
      const batch = Array.from({ length: 100 }, (_, i) => stepRow({ run_id: `run-${i % 7}`, input_tokens: 1 }));
      for (let i = 0; i < 3; i++) await rows.insert("steps", batch, "1-2");
      await rows.insert("steps", batch, "2-3");
      expect(await countsOf(rows)).toEqual({ steps: "200", runs: "200", usage: "200" });
    }));

  it("repairs a view that a crash left behind, when the insert is repeated", () =>
    withDatabase(async (rows) => {
      await migrate(rows, { retentionDays: 400 });
      const batch = Array.from({ length: 100 }, (_, i) => stepRow({ run_id: `run-${i % 7}` }));
      await rows.command("DETACH TABLE runs_from_steps");
      await rows.insert("steps", batch, "1-2");
      await rows.command("ATTACH TABLE runs_from_steps");
      expect(await countsOf(rows)).toEqual({ steps: "100", runs: "0", usage: "100" });
      await rows.insert("steps", batch, "1-2");
      expect(await countsOf(rows)).toEqual({ steps: "100", runs: "100", usage: "100" });
    }));

  it("refuses a column that isn't there and a value that doesn't fit, for good", () =>
    withDatabase(async (rows) => {
      await migrate(rows, { retentionDays: 400 });
      await expect(rows.insert("steps", [{ nonsense: 1 }], "a")).rejects.toMatchObject({ code: "rejected" });
      for (const bad of [
        { start_time: "yesterday" },
        { input_tokens: -1 },
        { input_tokens: 0.5 },
        { latency_ms: Number.NaN },
      ])
        await expect(rows.insert("steps", [stepRow(bad)], "b")).rejects.toMatchObject({ code: "rejected" });
      expect(await countsOf(rows)).toMatchObject({ steps: "0" });
    }));

  it("leaves out a value that doesn't fit where that is asked for, and tells of it; the rest of the block is whole", () =>
    withDatabase(async (_, url) => {
      const unfit: Unfit[] = [];
      const rows = openRows(url, { onUnfit: (one) => unfit.push(one) });
      await migrate(rows, { retentionDays: 400 });
      const bad = { start_time: "yesterday", input_tokens: 2 ** 60, cost_usd: "Infinity", latency_ms: Number.NaN };
      await rows.insert("steps", [stepRow({ step_id: "good" }), stepRow({ step_id: "bad", ...bad })], "1-2");
      const back = await rows.query<Record<string, unknown>>(
        "SELECT start_time, input_tokens, cost_usd, latency_ms, name FROM steps ORDER BY step_id",
      );
      const { start_time, cost_usd, latency_ms, name } = stepRow();
      expect(back).toEqual([
        { start_time: "1970-01-01T00:00:00.000000000Z", input_tokens: null, cost_usd: null, latency_ms: 0, name },
        { start_time, input_tokens: "9007199254740991", cost_usd, latency_ms, name },
      ]);
      expect(unfit.map(({ column }) => column).sort()).toEqual(Object.keys(bad).sort());
      await expect(rows.insert("steps", [{ nonsense: 1 }], "a")).rejects.toMatchObject({ code: "rejected" });
      await rows.close();
    }));
});

describe("openRows", () => {
  it("says unavailable when nobody listens, and is retryable", async () => {
    const rows = openRows("http://a:b@127.0.0.1:1/c");
    await expect(rows.ping()).rejects.toMatchObject({ code: "unavailable", retryable: true });
    await expect(rows.insert("steps", [stepRow()], "a")).rejects.toMatchObject({ code: "unavailable" });
    await rows.close();
  });

  it("says rejected for a wrong password, without telling it", async () => {
    const rows = openRows(server.url.replace(/:[^:@]+@/, ":wrong-password@"));
    const error = await rows.ping().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "rejected", message: expect.stringContaining("AUTHENTICATION_FAILED") });
    expect(String(error)).not.toContain("wrong-password");
    await rows.close();
  });

  it("refuses what is no ClickHouse URL", () => {
    for (const url of ["", "clickhouse", "tcp://127.0.0.1:9000"]) expect(() => openRows(url)).toThrow(/http/);
  });
});

async function countsOf(rows: Rows): Promise<Record<string, unknown> | undefined> {
  const [counts] = await rows.query<Record<string, unknown>>(
    `SELECT (SELECT count() FROM steps) AS steps, (SELECT sum(records) FROM runs) AS runs,
       (SELECT sum(steps) FROM usage_by_minute) AS usage`,
  );
  return counts;
}
