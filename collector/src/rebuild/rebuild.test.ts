import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type LlmFacts, type StepRow, type ToolFacts, userSubject } from "@runledger/contract";
import {
  type EmbeddedClickHouse,
  loadOrCreateSigningKey,
  migrate,
  type Objects,
  openJournalCursor,
  openKeyring,
  openObjects,
  openOrCreateKeyring,
  openRows,
  type Rows,
  startEmbeddedClickHouse,
} from "@runledger/storage";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuditSink } from "../audit/audit-sink.ts";
import { createSeenRecords } from "../integrate/seen-records.ts";
import { logEntryRow } from "../metrics/log-entry-row.ts";
import { startLogIndex } from "../metrics/log-index.ts";
import { createMetricsSink } from "../metrics/metrics-sink.ts";
import { createRecentEntries } from "../metrics/recent-entries.ts";
import { keepUnsureFrames } from "../metrics/unsure-frames.ts";
import type { Content, NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";
import { inputPreview, outputPreview } from "../normalize/preview.ts";
import { createPrices } from "../normalize/price.ts";
import { createResolver } from "../resolve/resolver.ts";
import { rebuild } from "./rebuild.ts";

/** The table of the day on which it was recorded: no price, no context window but the override's. */
const prices = createPrices({
  name: "today",
  version: "2",
  models: [{ provider: "openai", model: "gpt-1", input: 1_000, output: 0, context_window: 128_000 }],
});
const logger = pino({ level: "silent" });
const now = Date.now();
let dir: string;
let server: EmbeddedClickHouse;
let rows: Rows;
let objects: Objects;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-rebuild-"));
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

const timeAt = (ms: number) => `${new Date(ms).toISOString().slice(0, -1)}123456Z`;
const hash = (text: string) => createHash("sha256").update(text).digest("hex");

/** Runs of six: start, model, tool, model without usage, guardrail, end. Every value that a sum or a fact can take is among them. */
function recordOf(n: number, changed = ""): NormalizedRecord {
  const at = n % 6;
  const run = Math.floor(n / 6);
  const event = at === 0 ? "run_start" : at === 5 ? "run_end" : "step";
  const kind = at === 1 || at === 3 ? "llm" : at === 2 ? "tool" : at === 4 ? "guardrail" : "agent";
  const history = Array.from({ length: at + 1 }, (_, i) =>
    JSON.stringify({ role: "user", parts: [{ type: "text", content: `run ${run} says ${i} 😀${changed}` }] }),
  );
  const content: Content =
    kind === "llm"
      ? {
          messages: history,
          response: JSON.stringify([{ role: "assistant", parts: [{ type: "text", content: `answer ${n}` }] }]),
        }
      : kind === "tool"
        ? { arguments: JSON.stringify({ order: n }), result: JSON.stringify(`result ${n}`) }
        : {};
  const failed = (kind === "tool" || kind === "guardrail") && run % 3 === 0;
  return {
    content,
    inputPreview: inputPreview(content),
    outputPreview: outputPreview(content),
    facts: {
      v: 1,
      record_id: hash(`${n}${changed}`),
      tenant: "default",
      event,
      kind,
      name: `${kind} ${at}`,
      operation: kind === "llm" ? "chat" : null,
      run_id: `run-${run}`,
      trace_id: hash(`trace ${run}`).slice(0, 32),
      step_id: hash(`step ${n}`).slice(0, 16),
      parent_id: at === 0 ? null : hash(`step ${run * 6}`).slice(0, 16),
      root: at === 0,
      dialect: "runledger",
      start_time: timeAt(now - 60_000 + n * 10),
      end_time: timeAt(now - 60_000 + n * 17),
      received_time: timeAt(now + n),
      status: failed ? "error" : "ok",
      error: failed ? { type: "timeout", message: `after ${n} ms` } : null,
      run_seq: at,
      run: {
        task_id: null,
        task_type: at === 0 ? "ticket" : null,
        agent_name: at === 0 ? `agent-${run % 4}` : null,
        agent_version: at === 0 ? "1.0" : null,
        session_id: `session-${run % 5}`,
        user_id: at === 0 ? `user-${run % 7}` : null,
        heartbeat_interval_ms: at === 0 ? 10_000 : null,
      },
      llm: kind === "llm" ? llmOf(n, at === 1) : null,
      tool: kind === "tool" ? toolOf(n) : null,
      end:
        event === "run_end"
          ? { status: failed ? "failed" : "completed", outcome: "resolved", reason: null, records: 6 }
          : null,
      cost: kind === "llm" && at === 1 ? { usd: `0.00${n + 1}`, price_table: "prices", price_version: "1" } : null,
      attributes: n % 50 === 1 ? { large: "x".repeat(70_000) } : { plain: n },
      events: [],
      links: [],
      resource: {},
      scope: { name: "", version: "" },
    },
  };
}

function llmOf(n: number, usage: boolean): LlmFacts {
  return {
    provider: "openai",
    request_model: `gpt-${n % 3}`,
    response_model: null,
    response_id: `response-${n}`,
    system_prompt_sha256: null,
    prompt_sha256: hash("prompt"),
    tools_sha256: null,
    finish_reasons: ["stop"],
    input_tokens: usage ? 1_000 + n : null,
    output_tokens: usage ? 10 : null,
    cache_read_tokens: usage ? 0 : null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    time_to_first_token_ms: 1.5,
    streaming: n % 2 === 0,
    counted: true,
    tool_requests: [{ call_id: `call-${n}`, name: `tool-${n % 4}`, arguments_sha256: null }],
    tool_results: [],
  };
}

function toolOf(n: number): ToolFacts {
  return {
    name: `tool-${n % 4}`,
    call_id: `call-${n}`,
    requested_by: null,
    arguments_sha256: hash(`arguments ${n}`),
    result_sha256: null,
    result_bytes: 12,
    attempt: 1,
    idempotency_key: null,
    known: true,
    valid: null,
    inferred: n % 4 === 0,
  };
}

/** Frames of seven records; later ones repeat an old record, and change another. */
function framesOf(count: number): NormalizedFrame[] {
  return Array.from({ length: count }, (_, i) => ({
    seq: i + 1,
    bodyBytes: 1,
    records: [
      ...Array.from({ length: 6 }, (_, n) => recordOf(i * 6 + n)),
      i % 5 === 4 ? recordOf(i, "changed") : recordOf(Math.floor(i / 2)),
    ],
  }));
}

const ANSWERS = {
  steps: "SELECT * EXCEPT (journal_seq, journal) FROM steps ORDER BY record_id",
  runs: `SELECT tenant, run_id, min(start_time), max(end_time), min(first_received_time), max(last_seen_time), max(heartbeat_interval_ms),
    max(ended), max(root), max(error), min(agent), min(task_id), min(task_type), min(session_id), min(user_id), min(dialect), sum(records),
    sum(numbered_records), sum(conflicts), sum(steps), sum(step_errors), sum(llm_calls), sum(tool_calls), sum(tool_errors), sum(tool_outcome_missing), sum(guardrails),
    sum(guardrail_rejections), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(reasoning_tokens), sum(usage_missing),
    sum(input_missing), sum(output_missing),
    sum(cost_usd), sum(cost_missing), max(price_table), arraySort(groupUniqArrayArray(models)), arraySort(groupUniqArrayArray(tools))
    FROM runs GROUP BY tenant, run_id ORDER BY run_id`,
  usage: `SELECT minute, kind, model, tool_name, agent_name, task_type, sum(steps), sum(llm_calls), sum(tool_errors), sum(tool_outcome_missing), sum(input_tokens),
    sum(input_missing), sum(output_missing), sum(cost_usd), sum(guardrail_rejections), quantileBFloat16Merge(0.95)(latency) FROM usage_by_minute GROUP BY ALL ORDER BY ALL`,
  logEntries: "SELECT * EXCEPT inserted_time FROM log_entries FINAL ORDER BY shard, log_index",
  acts: "SELECT * FROM acts FINAL ORDER BY shard, log_index",
};

async function answers(): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const [name, sql] of Object.entries(ANSWERS)) all[name] = await rows.query(sql);
  return all;
}

/** Four times the whole log: slow where others use the machine. */
const TIMEOUT_MS = 240_000;

describe("rebuild", { timeout: TIMEOUT_MS }, () => {
  it("ends with the same answers, and the followers go on where the log ends", async () => {
    const journalDir = join(dir, "journal");
    const key = await loadOrCreateSigningKey(join(dir, "log.key"), "runledger.local/test/0");
    const cursor = (name: string) => openJournalCursor(journalDir, name);
    const sinkDependencies = () => ({
      rows,
      cursor: cursor("metrics"),
      intent: cursor("metrics-intent"),
      seen: createSeenRecords(),
      prices,
      resolver: createResolver(rows, { nowMs: Date.now }),
    });
    const keyring = await openOrCreateKeyring(objects, { file: join(dir, "master.key") });
    const recent = createRecentEntries();
    const audit = createAuditSink(
      {
        objects,
        key,
        cursor: cursor("audit"),
        keys: keyring.writer(),
        seen: createSeenRecords(),
        logger,
        // Some entries are handed over to the index, the others it reads from the log.
        onPublished: (entries) => {
          const told = entries.filter(({ index }) => index < 200);
          recent.add(told.map(({ index, leaf, record }) => logEntryRow("0", index, leaf, record)));
        },
      },
      { shard: "0" },
    );
    const metrics = createMetricsSink(sinkDependencies(), { installation: "test" });
    const frames = framesOf(60);
    await audit.open();
    await metrics.open();
    for (let i = 0; i < frames.length; i += 7) await audit.write(frames.slice(i, i + 7));
    for (let i = 0; i < frames.length; i += 11) await metrics.write(frames.slice(i, i + 11));
    const index = startLogIndex(
      { objects, rows, recent, logger },
      { shard: "0", pollMs: 20, retryMinMs: 20, retryMaxMs: 100 },
    );
    for (let i = 0; i < 400 && (await rows.query("SELECT 1 FROM log_entries")).length < 372; i++) await sleep(50);
    await index.stop();

    const before = await answers();
    expect(before["steps"]).toHaveLength(372);
    expect(before["runs"]).toHaveLength(60);
    expect(before["logEntries"]).toHaveLength(372);

    let reports = 0;
    const dependencies = {
      objects,
      rows,
      prices,
      keyring,
      clock: () => performance.now(),
      onProgress: () => void reports++,
    };
    const settings = { journalDir, entriesPerBatch: 50 };
    for (let again = 0; again < 2; again++) {
      const result = await rebuild(dependencies, settings);
      expect(result).toMatchObject({ entries: 372, totalEntries: 372, duplicates: 0, missingPayloads: 0 });
      expect(await answers()).toEqual(before);
    }
    expect(reports).toBe(16);

    // Priced anew: today's price where there is one, nothing where there is none; the log, and a plain rebuild, know nothing of it.
    const checkpoint = await objects.read("log/0/checkpoint");
    await rebuild(dependencies, { ...settings, reprice: true });
    const priced = await rows.query<Record<string, unknown>>(
      `SELECT toFloat64(cost_usd) AS cost_usd, input_tokens, price_table, price_version, context_window FROM steps WHERE request_model = 'gpt-1' AND input_tokens > 0`,
    );
    expect(priced.length).toBeGreaterThan(10);
    for (const row of priced)
      expect(row).toEqual({
        cost_usd: Number(row["input_tokens"]) / 1000,
        input_tokens: row["input_tokens"],
        price_table: "today",
        price_version: "2",
        context_window: "128000",
      });
    expect(await rows.query("SELECT 1 FROM steps WHERE request_model != 'gpt-1' AND cost_usd IS NOT NULL")).toEqual([]);
    expect(await objects.read("log/0/checkpoint")).toEqual(checkpoint);
    await rebuild(dependencies, settings);
    expect(await answers()).toEqual(before);

    // What the journal brings again after that is known, and what is new comes in.
    const after = createMetricsSink(sinkDependencies(), { installation: "test" });
    expect(await after.open()).toEqual({ nextSeq: 61, mustEndAt: null });
    await after.write([{ seq: 61, bodyBytes: 1, records: [recordOf(3), recordOf(1_000)] }]);
    expect(await rows.query("SELECT count() AS n FROM steps")).toEqual([{ n: "373" }]);
  });

  it("keeps the metrics sink waiting when it was interrupted, until it is run again", async () => {
    const journalDir = join(dir, "journal");
    const failing = { ...objects, read: () => Promise.reject(new Error("interrupted")) };
    const settings = { journalDir };
    const clock = Date.now;
    const keyring = await openKeyring(objects, { file: join(dir, "master.key") });
    await expect(rebuild({ objects: failing, rows, prices, keyring, clock }, settings)).rejects.toThrow("interrupted");
    const sink = createMetricsSink(
      {
        rows,
        cursor: openJournalCursor(journalDir, "metrics"),
        intent: openJournalCursor(journalDir, "metrics-intent"),
        seen: createSeenRecords(),
        prices,
        resolver: createResolver(rows),
      },
      { installation: "test" },
    );
    await expect(sink.open()).rejects.toMatchObject({ code: "unavailable" });
    await rebuild({ objects, rows, prices, keyring, clock }, settings);
    await sink.open();
  });

  it("lets no row of an erased person in, at no moment", async () => {
    const keyring = await openKeyring(objects, { file: join(dir, "master.key") });
    const [start, ...unnamed] = [0, 1, 2, 3, 4].map((n) => recordOf(60_012 + n));
    const user = start?.facts.run.user_id ?? "";
    const subject = { kind: "user", pseudonym: keyring?.pseudonymOf(userSubject("default", user)) };
    const actor = { key_id: null, name: "dpo", roles: [] };
    const target = { erasure_id: "e", subject, key_ids: [] };
    const act = { action: "erasure", actor, reason: "she asked", target };
    const facts = { ...recordOf(60_018).facts, record_id: hash("act"), event: "act" as const, run_id: "acts", act };
    const audit = createAuditSink(
      {
        objects,
        key: await loadOrCreateSigningKey(join(dir, "log.key"), "runledger.local/test/0"),
        cursor: openJournalCursor(join(dir, "journal"), "audit"),
        keys: keyring?.writer() ?? null,
        seen: createSeenRecords(),
        logger,
      },
      { shard: "0" },
    );
    const { nextSeq } = await audit.open();
    const records = [...unnamed, ...(start === undefined ? [] : [start]), { ...recordOf(60_018), facts }];
    await audit.write([{ seq: nextSeq, bodyBytes: 1, records }]);

    const inserted: StepRow[] = [];
    const insert: Rows["insert"] = async (table, some, token) => {
      if (table === "steps") inserted.push(...(some as readonly StepRow[]));
      await rows.insert(table, some, token);
    };
    const watched = { ...rows, insert };
    await rebuild(
      { objects, rows: watched, prices, keyring, clock: Date.now },
      { journalDir: null, entriesPerBatch: 50 },
    );
    const hers = inserted.filter(({ run_id }) => run_id === start?.facts.run_id);
    const told = hers.map((row) => [row.input_preview, row.output_preview, row.error_message, row.user_id].join(""));
    expect(told).toEqual(["", "", "", "", `erased:${subject.pseudonym?.slice(0, 12)}`]);
    expect(inserted.filter(({ error_message }) => error_message !== "").length).toBeGreaterThan(3);
  });

  it("makes another collector send again what its log lacked, once, though that goes on before ClickHouse is back", async () => {
    const journalDir = join(dir, "other-journal");
    await mkdir(journalDir);
    const cursor = (name: string) => openJournalCursor(journalDir, name);
    const frames = [1, 2, 3].map((seq) => ({
      seq,
      bodyBytes: 1,
      records: [recordOf(70_000 + 6 * seq), recordOf(70_001 + 6 * seq)],
    }));
    const start = async () => {
      const unsure = await keepUnsureFrames(journalDir);
      const key = await loadOrCreateSigningKey(join(dir, "other.key"), "runledger.local/test/1");
      const audit = createAuditSink(
        { objects, key, cursor: cursor("audit"), keys: null, seen: createSeenRecords(), logger },
        { shard: "1" },
      );
      const metrics = createMetricsSink(
        {
          ...{ rows, prices, unsure, cursor: cursor("metrics"), intent: cursor("metrics-intent") },
          ...{ seen: createSeenRecords(), resolver: createResolver(rows) },
        },
        { installation: "other" },
      );
      return { audit, metrics };
    };
    const before = await start();
    await before.audit.open();
    await before.metrics.open();
    await before.metrics.write(frames);
    await before.audit.write(frames.slice(0, 1));
    const theirs = async () => {
      const [found] = await rows.query(
        `SELECT toUInt32(count()) AS steps, toUInt32(uniqExact(record_id)) AS ids, (SELECT toUInt32(sum(records)) FROM runs FINAL WHERE run_id IN {runs:Array(String)}) AS records
         FROM steps WHERE run_id IN {runs:Array(String)}`,
        { runs: frames.map(({ records }) => records[0]?.facts.run_id ?? "") },
      );
      return found;
    };
    expect(await theirs()).toEqual({ steps: 6, ids: 6, records: 6 });
    const keyring = await openKeyring(objects, { file: join(dir, "master.key") });
    await rebuild({ objects, rows, prices, keyring, clock: Date.now }, { journalDir: join(dir, "journal") });
    expect(await theirs()).toEqual({ steps: 2, ids: 2, records: 2 });

    // ClickHouse is away, the log goes on, and it is killed.
    const { audit } = await start();
    await audit.open();
    await audit.write(frames.slice(1));
    const after = await start();
    expect(await after.metrics.open()).toEqual({ nextSeq: 2, mustEndAt: null });
    await after.metrics.write(frames.slice(1));
    expect(await theirs()).toEqual({ steps: 6, ids: 6, records: 6 });
    expect(await (await start()).metrics.open()).toEqual({ nextSeq: 4, mustEndAt: null });
    expect(await readdir(join(journalDir, "cursors"))).not.toContain("metrics-unsure");
  });
});
