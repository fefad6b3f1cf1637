import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createDatabase,
  type EmbeddedClickHouse,
  migrate,
  openRows,
  type Rows,
  startEmbeddedClickHouse,
} from "@runledger/storage";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { createSeenRecords } from "../integrate/seen-records.ts";
import type { NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";
import { createResolver } from "../resolve/resolver.ts";
import { createMetricsSink } from "./metrics-sink.ts";

let dir: string;
let server: EmbeddedClickHouse;
let rows: Rows;
let databases = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-shards-"));
  server = await startEmbeddedClickHouse({ dir, logger: { info() {}, warn() {}, error() {} } });
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  const url = server.url.replace(/[^/]+$/, `shards_${++databases}`);
  await createDatabase(url);
  rows = openRows(url);
  await migrate(rows, { retentionDays: 400 });
}, 60_000);
afterEach(() => rows.close());

function cursorAt(nextSeq = 1) {
  const state = { nextSeq };
  return { load: async () => state.nextSeq, save: async (seq: number) => void Object.assign(state, { nextSeq: seq }) };
}

/** A collector of its own: its journal, its cursors. */
async function collector(
  installation: string,
  through: Rows = rows,
  cursors = { cursor: cursorAt(), intent: cursorAt() },
) {
  const counted = { rows: 0, duplicates: 0 };
  const sink = createMetricsSink(
    {
      ...{ rows: through, ...cursors, seen: createSeenRecords(1_000), prices: { contextWindow: () => null } },
      resolver: createResolver(rows),
      onWritten: (batch) => {
        counted.rows += batch.rows;
        counted.duplicates += batch.duplicates;
      },
    },
    { installation, maxRowsPerInsert: 4 },
  );
  await sink.open();
  return { sink, counted, cursors };
}

/** `rows`, with something done before a call of one kind whose first argument has the text. */
function rowsWith(kind: "insert" | "command", text: string, before: () => Promise<void>): Rows {
  return {
    ...rows,
    query: rows.query.bind(rows),
    async insert(table, data, token) {
      if (kind === "insert" && table.includes(text)) await before();
      await rows.insert(table, data, token);
    },
    async command(sql, parameters) {
      if (kind === "command" && sql.includes(text)) await before();
      await rows.command(sql, parameters);
    },
  };
}

/** The second tool call is one that was only asked for. */
const KINDS = ["llm", "tool", "guardrail", "tool"] as const;
const ASKED = 3;
const asked = {
  ...{
    name: "search",
    call_id: null,
    requested_by: null,
    arguments_sha256: null,
    result_sha256: null,
    result_bytes: null,
  },
  ...{ attempt: null, idempotency_key: null, known: null, valid: null, inferred: true },
};
const now = Date.now();
const timeAt = (ms: number) => `${new Date(ms).toISOString().slice(0, -1)}000000Z`;

function recordOf(n: number): NormalizedRecord {
  const kind = KINDS[n % KINDS.length] ?? "tool";
  const isAsked = n % KINDS.length === ASKED;
  const llm = {
    ...{
      provider: "p",
      request_model: "m",
      response_model: "m",
      response_id: null,
      system_prompt_sha256: null,
      prompt_sha256: null,
    },
    ...{
      tools_sha256: null,
      finish_reasons: [],
      input_tokens: 10,
      output_tokens: null,
      cache_read_tokens: null,
      cache_write_tokens: null,
    },
    ...{ reasoning_tokens: null, time_to_first_token_ms: null, streaming: null, counted: true, parameters: {} },
    ...{ tool_requests: [], tool_results: [] },
  };
  const facts = {
    ...{
      v: 1,
      tenant: "default",
      event: "step",
      kind,
      name: "step",
      operation: null,
      parent_id: null,
      root: false,
      dialect: "runledger",
    },
    record_id: createHash("sha256").update(`${n}`).digest("hex"),
    run_id: `run-${Math.floor(n / 5)}`,
    trace_id: createHash("md5")
      .update(`${Math.floor(n / 5)}`)
      .digest("hex"),
    step_id: n.toString(16).padStart(16, "0"),
    ...{ start_time: timeAt(now - 1_000), end_time: timeAt(now), received_time: timeAt(now + n) },
    ...{ status: kind === "llm" || isAsked ? "ok" : "error", error: null, run_seq: n % 5 },
    run: {
      ...{ task_id: null, task_type: null, agent_name: "support", agent_version: null },
      ...{ session_id: null, user_id: null, heartbeat_interval_ms: null },
    },
    llm: kind === "llm" ? llm : null,
    ...{
      tool: isAsked ? asked : null,
      end: null,
      cost: kind === "llm" ? { usd: "0.25", price_table: "t", price_version: "1" } : null,
    },
    ...{ attributes: {}, events: [], links: [], resource: {}, scope: { name: "", version: "" } },
  } as unknown as NormalizedRecord["facts"];
  return { facts, content: {}, inputPreview: "", outputPreview: "" };
}
const frame = (seq: number, from: number, to: number): NormalizedFrame => ({
  ...{ seq, bodyBytes: 1 },
  records: Array.from({ length: to - from }, (_, i) => recordOf(from + i)),
});

/** All that readers make sums of, for `n` records from 0 on. */
async function expectOnce(n: number): Promise<void> {
  const of = (kind: string) => Array.from({ length: n }, (_, i) => KINDS[i % 4]).filter((one) => one === kind).length;
  const unknown = Array.from({ length: n }, (_, i) => i % 4).filter((at) => at === ASKED).length;
  const [sums] = await rows.query<Record<string, unknown>>(`
    SELECT toUInt32(sum(runs.records + more.records)) AS records, toUInt32(sum(runs.numbered_records + more.numbered_records)) AS numbered,
      toUInt32(sum(runs.steps + more.steps)) AS steps, toUInt32(sum(runs.llm_calls + more.llm_calls)) AS llm,
      toUInt32(sum(runs.tool_errors + more.tool_errors)) AS tools, toUInt32(sum(runs.tool_outcome_missing + more.tool_outcome_missing)) AS unknown, toUInt32(sum(runs.guardrail_rejections + more.guardrail_rejections)) AS rejected,
      toUInt32(sum(ifNull(runs.input_tokens, 0) + more.input_tokens)) AS tokens, toFloat64(sum(ifNull(runs.cost_usd, 0) + more.cost_usd)) AS usd,
      toUInt32(sum(runs.input_missing + more.input_missing)) AS lackingIn, toUInt32(sum(runs.output_missing + more.output_missing)) AS lackingOut
    FROM (SELECT * FROM runs FINAL) AS runs LEFT ANY JOIN (SELECT * FROM run_corrections FINAL) AS more ON more.run_id = runs.run_id`);
  const calls = { llm: of("llm"), tokens: of("llm") * 10, usd: of("llm") / 4, lackingIn: 0, lackingOut: of("llm") };
  const once = { steps: n, tools: of("tool") - unknown, unknown, ...calls };
  expect(sums).toEqual({ ...once, records: n, numbered: n, rejected: of("guardrail") });
  for (const parts of ["usage_parts", "step_parts"]) {
    const [usage] = await rows.query<Record<string, unknown>>(`
      SELECT toUInt32(sum(steps)) AS steps, toUInt32(sum(llm_calls)) AS llm, toUInt32(sum(tool_errors)) AS tools, toUInt32(sum(tool_outcome_missing)) AS unknown,
        toUInt32(sum(input_tokens)) AS tokens, toFloat64(sum(cost_usd)) AS usd, toUInt32(sum(guardrails)) AS guardrails,
        toUInt32(sum(input_missing)) AS lackingIn, toUInt32(sum(output_missing)) AS lackingOut FROM ${parts}`);
    expect(usage, parts).toEqual({ ...once, guardrails: of("guardrail") });
  }
  const [steps] = await rows.query("SELECT toUInt32(count()) AS n, toUInt32(uniqExact(record_id)) AS ids FROM steps");
  expect(steps).toEqual({ n, ids: n });
}

it("a request that is sent to another collector again counts once, whatever batches it comes in", async () => {
  const [a, b] = [await collector("a"), await collector("b")];
  await a.sink.write([frame(1, 0, 12)]);
  await b.sink.write([frame(1, 3, 9), frame(2, 9, 20)]);
  await a.sink.write([frame(2, 10, 20)]);
  await expectOnce(20);
  expect([a.counted, b.counted]).toEqual([
    { rows: 12, duplicates: 10 },
    { rows: 8, duplicates: 9 },
  ]);
});

it("one tenant's record at another collector is not another tenant's", async () => {
  const [a, b] = [await collector("a"), await collector("b")];
  await a.sink.write([frame(1, 0, 1)]);
  const { facts, ...content } = recordOf(0);
  const ofOther = { ...content, facts: { ...facts, tenant: "other" } };
  await b.sink.write([{ ...frame(1, 0, 1), records: [recordOf(0), ofOther] }]);
  expect(b.counted).toEqual({ rows: 1, duplicates: 1 });
  expect(await rows.query("SELECT tenant FROM steps ORDER BY tenant")).toEqual([
    { tenant: "default" },
    { tenant: "other" },
  ]);
});

for (const [first, second] of [
  ["a", "b"],
  ["b", "a"],
] as const) {
  it(`what ${second} inserts while ${first} is between looking and inserting counts once`, async () => {
    const other = await collector(second);
    let raced = false;
    const one = await collector(
      first,
      rowsWith("insert", "steps", async () => {
        if (!raced) await other.sink.write([frame(1, 5, 20)]);
        raced = true;
      }),
    );
    await one.sink.write([frame(1, 0, 15)]);
    await expectOnce(20);
    await createResolver(rows).everything();
    await expectOnce(20);
  });
}

it("a crash while repeated rows are taken out is made good by the same batch, also when both do it", async () => {
  const other = await collector("b");
  let raced = false;
  let crashes = 2;
  const crash = async () => {
    if (crashes-- > 0) throw new Error("crash");
  };
  const racing = rowsWith("insert", "steps", async () => {
    if (!raced) await other.sink.write([frame(1, 0, 8)]);
    raced = true;
  });
  const crashing = rowsWith("command", "DELETE FROM steps", crash);
  const one = await collector("a", { ...racing, command: crashing.command });
  await expect(one.sink.write([frame(1, 0, 10)])).rejects.toThrow("crash");

  // The process is another one now.
  const again = await collector("a", rowsWith("command", "DELETE FROM steps", crash), one.cursors);
  await expect(again.sink.write([frame(1, 0, 10)])).rejects.toThrow("crash");
  const last = await collector("a", rows, one.cursors);
  await last.sink.write([frame(1, 0, 10)]);
  await expectOnce(10);
});

it("a batch that a crash left without its views is completed with its own rows, though another has them by now", async () => {
  const one = await collector("a");
  await rows.command("DETACH TABLE runs_from_steps");
  await one.sink.write([frame(1, 0, 6)]);
  await rows.command("ATTACH TABLE runs_from_steps");
  await one.cursors.cursor.save(1); // as if the crash had come before
  const again = await collector("a", rows, one.cursors);
  const other = await collector("b");
  await other.sink.write([frame(1, 0, 8)]);
  await again.sink.write([frame(1, 0, 6)]);
  await expectOnce(8);
});
