import type { BundleRun, BundleSummary, RunledgerRecord } from "@runledger/contract";
import { expect, test } from "vitest";
import { recordOf } from "../testing/small-log.ts";
import { at, toolRow } from "../testing/step-rows.ts";
import type { ExportFacts } from "./derived-files.ts";
import type { ExportLog } from "./export-log.ts";
import { createReport } from "./report.ts";

const LOG = { shard: "0", checkpoint: { origin: "example.com/log", size: 9, root: Buffer.alloc(32) } };
const log = LOG as unknown as ExportLog;
const REQUEST = {
  exportId: "x",
  createdTime: at(0),
  exporter: { name: "me" },
  recipient: "you",
  filter: {},
  policies: {},
};
const SELECTION = { logs: [{ kind: "log", range: [0, 9], hidden: 0 }], runIds: null };
const facts = { request: REQUEST, logs: [log], selection: SELECTION } as unknown as ExportFacts;
const TIMES = { first_received_time: null, last_received_time: null };
const SUMMARY: BundleSummary = { entries: 9, acts: 1, runs: 1, price_tables: [], ...TIMES };
const WRITTEN = { missingPayloads: 0, unselectedPayloads: 0, priceTables: [] };

/** What an entry can hold of it, in characters that a page has to write as six. */
const LONG = '"'.repeat(50_000);

test("what agents write at length is shortened, and it says so", async () => {
  const report = createReport(facts);
  const said = { run: { ...step("r", 0).run, agent_name: LONG, agent_version: LONG, user_id: LONG, session_id: LONG } };
  const all: RunledgerRecord[] = [
    { ...step("r", 0), ...said, event: "run_start" },
    failing("r", 1, "plain"),
    failing("r", 2, LONG),
    { ...failing("r", 3, LONG), kind: "decision", name: LONG, error: { type: LONG, message: null } },
    { ...step("r", 4), kind: "llm", name: LONG, llm: call(LONG) },
    { ...step("r", 5), event: "run_end", end: { status: "failed", outcome: LONG, reason: LONG, records: 6 } },
    { ...step("", 6), event: "act", act: act(LONG) },
  ];
  for (const [index, record] of all.entries()) await report.add(log, index, record);
  report.addRun(runOf("r", LONG));
  const page = pageOf(report.html(SUMMARY, WRITTEN));
  expect(page).toContain("It failed: E: plain.");
  expect(page).toContain(
    `It failed: E: ${"&quot;".repeat(1_000)} … and 49,000 more characters, which are in the entries.`,
  );
  expect(page.length).toBeLessThan(200_000);
});

test("a page has its bound: what no line has room for is counted", async () => {
  const report = createReport(facts);
  let index = 0;
  const runs = 60;
  for (let run = 0; run < runs; run++)
    for (let i = 0; i < 200; i++) await report.add(log, index++, failing(`run ${run}`, i, LONG.slice(0, 1_000)));
  for (let run = 0; run < runs; run++) report.addRun(runOf(`run ${run}`, "a"));
  const page = pageOf(report.html({ ...SUMMARY, runs }, WRITTEN));
  expect(page.length).toBeGreaterThan(33_000_000);
  expect(page.length).toBeLessThan(35_000_000);
  const [, , ...leftOut] = page.match(/<p class="note">200 further steps are in the entries/g) ?? [];
  expect(leftOut.length).toBeGreaterThan(20);
});

test("of many runs those that began first are listed, in whichever order they come", () => {
  const report = createReport(facts);
  const runs = 10_000;
  for (let i = 0; i < runs; i++) report.addRun({ ...runOf(`run ${i}`, "a"), first_index: (i * 7_919) % runs });
  const page = pageOf(report.html({ ...SUMMARY, runs }, WRITTEN));
  const listed = [...page.matchAll(/href="#run-(\d+)"/g)].map(([, index]) => Number(index));
  expect(listed).toEqual(Array.from({ length: 2_000 }, (_, i) => i));
  expect(page).toContain("The first 2,000 of 10,000; all are in runs.csv.");
});

function pageOf(pieces: Iterable<string>): string {
  return [...pieces].join("");
}

function step(run: string, i: number): RunledgerRecord {
  return recordOf(toolRow(run, `step ${i}`), { kind: "tool", start_time: at(i) });
}

function failing(run: string, i: number, message: string): RunledgerRecord {
  return { ...step(run, i), status: "error", error: { type: "E", message } };
}

function call(name: string): RunledgerRecord["llm"] {
  const asked = { response_model: name, input_tokens: 1, output_tokens: 1, tool_requests: [{ name }, { name }] };
  return asked as unknown as RunledgerRecord["llm"];
}

function act(text: string): RunledgerRecord["act"] {
  return { action: "run.kill", actor: { key_id: null, name: text, roles: [] }, reason: text, target: { text } };
}

function runOf(run_id: string, agent_name: string): BundleRun {
  const names = { agent_name, agent_version: agent_name, task_type: agent_name, user_id: agent_name };
  const counts = { records: 1, steps: 1, tool_calls: 1, numbered: 0, input_tokens: null, output_tokens: null };
  const run = { run_id, first_index: 0, ...names, ...counts, session_id: null, cost_usd: null, gaps: [] };
  return { ...run, status: "failed", start_time: at(0) } as unknown as BundleRun;
}
