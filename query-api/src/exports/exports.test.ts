import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ExportJob,
  encodeEntryBundle,
  entryBundlePath,
  formatDirectoryEntry,
  headsHash,
  parseManifest,
  parseTarHeader,
  type RunledgerRecord,
  tarPadding,
} from "@runledger/contract";
import { parquetReadObjects } from "hyparquet";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createApp } from "../app.ts";
import { queryApiSettings } from "../config.ts";
import type { App } from "../dependencies.ts";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { publishSmallLog, recordOf, writePack } from "../testing/small-log.ts";
import { at, llmRow, sha256, stepRow, toolRow } from "../testing/step-rows.ts";
import { newestRecorded } from "./directory-reading.ts";
import { exportOffline } from "./export-offline.ts";
import { createExportStore, type KeptExport } from "./export-store.ts";
import { logsOnRecord } from "./logs-on-record.ts";
import { ocsfApiActivity, ocsfEvent } from "./ocsf.ts";
import { createOfflineExports } from "./offline-exports.ts";
import { runsCsv } from "./runs-csv.ts";
import { trailLine } from "./step-words.ts";

let api: ApiUnderTest;
let app: App;
let directory: string;
const HOSTILE = `<img src=x onerror=alert(1)>`;

const runOf = (agent_name: string): RunledgerRecord["run"] => ({
  ...{ task_id: null, task_type: "ticket", agent_name, agent_version: "1", session_id: "s1", user_id: "u1" },
  heartbeat_interval_ms: null,
});
const toolFacts: NonNullable<RunledgerRecord["tool"]> = {
  ...{ name: "search", call_id: null, requested_by: null, arguments_sha256: null, result_sha256: null },
  ...{ result_bytes: null, attempt: null, idempotency_key: null, known: null, valid: null, inferred: false },
};
const NO_CONTENTS = { arguments: null, result: null, response: null, output: null };
const received = (seconds: number) => ({ received_time: at(seconds) });

beforeAll(async () => {
  api = await startApiUnderTest();
  const payloads = await writePack(
    api.objects,
    { arguments: '{"q":"parcel"}', result: `"${HOSTILE}"` },
    { history: [], added: [] },
  );
  const run = runOf;
  const records = [
    recordOf(stepRow("r1", "start", { event: "run_start" }), {
      event: "run_start",
      run: run("=cmd()"),
      run_seq: 0,
      ...received(0),
    }),
    recordOf(llmRow("r1", "llm", {}), { run: run("=cmd()"), run_seq: 1, ...received(10) }),
    recordOf(toolRow("r1", "tool", {}), { kind: "tool", run: run("=cmd()"), run_seq: 2, payloads, ...received(20) }),
    recordOf(stepRow("r2", "other", {}), { run: run("other"), ...received(30) }),
    recordOf(stepRow("r1", "end", { event: "run_end" }), {
      event: "run_end",
      run_seq: 3,
      run: run("=cmd()"),
      end: { status: "completed", outcome: "resolved", reason: null, records: 4 },
      ...received(40),
    }),
    recordOf(stepRow("r3", "stranger", {}), { tenant: "elsewhere", ...received(50) }),
  ];
  await publishSmallLog(api.objects, records);
});
afterAll(() => api.close());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-exports-"));
  app = await openApp();
});
afterEach(async () => {
  await app.close();
  await rm(directory, { recursive: true });
});

function openApp(settings: object = {}): Promise<App> {
  return createApp(
    { ...api.dependencies, registry: new Registry() },
    queryApiSettings.parse({ exportsDir: directory, ...settings }),
  );
}

const ASKED = { recipient: "Auditor GmbH", reason: "yearly audit" };

async function ask(body: object): Promise<ExportJob> {
  const response = await app.inject({ method: "POST", url: "/v1/exports", payload: { ...ASKED, ...body } });
  expect(response.statusCode, response.body).toBe(202);
  return response.json();
}

async function finished(id: string, from: App = app): Promise<ExportJob> {
  for (;;) {
    const job = (await from.inject({ url: `/v1/exports/${id}` })).json() as ExportJob;
    if (job.state !== "pending" && job.state !== "running") return job;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function filesOf(id: string): Promise<Map<string, Buffer>> {
  const { rawPayload: tar } = await app.inject({ url: `/v1/exports/${id}/bundle` });
  const files = new Map<string, Buffer>();
  for (let from = 0; ; ) {
    const header = parseTarHeader(tar.subarray(from, from + 512));
    if (header === null) return files;
    files.set(header.path, tar.subarray(from + 512, from + 512 + header.size));
    from += 512 + header.size + tarPadding(header.size);
  }
}

const linesOf = (file: Buffer | undefined): string[] => String(file).split("\n").slice(0, -1);

test("a time that ends before it begins is refused: its bundle would be empty, and VERIFIED", async () => {
  const filter = { since: "2026-01-02T00:00:00+01:00", until: "2026-01-01T22:59:59Z" };
  const response = await app.inject({ method: "POST", url: "/v1/exports", payload: { ...ASKED, filter } });
  expect(response.statusCode).toBe(400);
  expect(response.json()).toMatchObject({ error: { details: [{ field: "filter.since", message: "is after until" }] } });
});

test("where the directory's last entry names no logs it is read back until what it commits to is found, a log that is gone with it", async () => {
  const noteOf = (name: string, size: number) =>
    `${name}\n${size}\n${Buffer.alloc(32).toString("base64")}\n\n\u2014 k AAAAAAAA\n`;
  const entries = Array.from({ length: 300 }, (_, index) => {
    const shard = index === 7 ? "gone" : "a";
    const entry = { checkpoint: noteOf(shard, index + 1), recorded_time: "2026-01-01T00:00:00.000Z", shard };
    const heads_sha256 = headsHash([
      ["a", 300],
      ["gone", 8],
    ]);
    return formatDirectoryEntry(index === 299 ? { ...entry, heads_sha256 } : entry);
  });
  const files = new Map([
    [`log/directory/${entryBundlePath(0)}`, encodeEntryBundle(entries.slice(0, 256))],
    [`log/directory/${entryBundlePath(1, 44)}`, encodeEntryBundle(entries.slice(256))],
  ]);
  const objects = { read: async (path: string) => files.get(path) ?? null };
  const found = await newestRecorded(objects, Buffer.from(noteOf("directory", 300)), ["a"]);
  expect([...found].map(([shard, { index }]) => [shard, index])).toEqual([
    ["a", 299],
    ["gone", 7],
  ]);
});

test("an agent's export holds its runs and nothing else, in every form", async () => {
  const { export_id: id } = await ask({ filter: { agent: "=cmd()" } });
  const job = await finished(id);
  expect(job).toMatchObject({ state: "done", entries: 4, runs: 1, missing_payloads: 0, error: null });
  const files = await filesOf(id);
  const indexes = linesOf(files.get("entries/000000000000000.jsonl")).map((line) => JSON.parse(line)[0]);
  expect(indexes).toEqual([0, 1, 2, 4]);
  expect(parseManifest(files.get("bundle.json") ?? Buffer.of())).toMatchObject({
    selection: "runs",
    runs: 1,
    recipient: "Auditor GmbH",
  });
  const [run] = JSON.parse(String(files.get("runs.json")));
  expect(run).toMatchObject({ run_id: "r1", status: "completed", outcome: "resolved", records_expected: 4, gaps: [] });
  expect(String(files.get("derived/runs.csv"))).toContain("r1,'=cmd(),1,ticket");
  for (const formula of ["=1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A1"])
    expect(runsCsv(false).line({ ...run, agent_name: formula })).toMatch(/r1,"?'/);
  const parquet = files.get("derived/runs.parquet") as Buffer;
  const rows = await parquetReadObjects({
    file: parquet.buffer.slice(parquet.byteOffset, parquet.byteOffset + parquet.length) as ArrayBuffer,
  });
  expect(rows).toMatchObject([{ run_id: "r1", steps: 2n, outcome: "resolved", cost_usd: null }]);
  const events = linesOf(files.get("derived/ocsf.jsonl")).map((line) => ocsfApiActivity.parse(JSON.parse(line)));
  expect(events.map(({ metadata }) => metadata.sequence)).toEqual([1, 2]);
});

test("an act is told of in OCSF with who did what, and why", () => {
  const actor = { key_id: "k1", name: "dpo", roles: ["admin"] };
  const act = { action: "erasure", actor, reason: "asked to", target: { key_ids: ["a1"] } };
  const event = ocsfEvent(7, { ...recordOf(llmRow("r1", "act", {}), {}), event: "act", kind: "other", act }, null);
  expect(ocsfApiActivity.parse(event)).toMatchObject({
    activity_id: 4,
    activity_name: "Delete",
    actor: { user: { uid: "k1", name: "dpo" } },
    api: { operation: "erasure" },
    unmapped: { reason: "asked to", target: { key_ids: ["a1"] } },
  });
});

test("of a tool call that was only asked for, no form says that it went well, or how long it took", () => {
  const record = recordOf(toolRow("r1", "asked", { start_time: at(0), end_time: at(90_000) }), { kind: "tool" });
  const tool = { ...toolFacts, name: "search", inferred: true };
  const told = (facts: Partial<typeof tool>, status: RunledgerRecord["status"] = "unset") => {
    const one = { ...record, status, tool: { ...tool, ...facts } };
    const { status_id, duration, end_time } = ocsfApiActivity.parse(ocsfEvent(7, one, null));
    return [trailLine(7, one, NO_CONTENTS)?.sentence, status_id, duration, end_time];
  };
  const asked = "The model asked for the tool “search”";
  expect(told({})).toEqual([`${asked}; no result was seen.`, 0, undefined, undefined]);
  const seen = told({ result_sha256: sha256("42") });
  expect(seen).toEqual([`${asked}; its result was seen in the messages.`, 1, undefined, undefined]);
  expect(told({}, "error").slice(0, 2)).toEqual([`${asked}; no result was seen. It failed.`, 2]);
  const [sentence, ...rest] = told({ inferred: false });
  expect([sentence, rest[0], rest[1]]).toEqual(["The agent called the tool “search” in 90.0 s.", 1, 90_000]);
});

test("the report tells the trail in words and lets no content become markup", async () => {
  const { export_id: id } = await ask({ filter: { run_id: "r1" } });
  await finished(id);
  const html = String((await filesOf(id)).get("derived/report.html"));
  expect(html).toContain("The run ended: completed, outcome “resolved”.");
  expect(html).toContain("&lt;img src=x onerror=alert(1)&gt;");
  expect(html).not.toContain("<img");
  expect(html).not.toMatch(/https?:\/\//);
});

test("a time alone selects a range with its neighbours, and another tenant's entries are hashes only", async () => {
  const { export_id: id } = await ask({ filter: { since: at(10).replace(" ", "T"), until: at(45) } });
  await finished(id);
  const files = await filesOf(id);
  const manifest = parseManifest(files.get("bundle.json") ?? Buffer.of());
  expect(manifest).toMatchObject({ selection: "range", range: [1, 6], hidden: 1 });
  expect(linesOf(files.get("entries/000000000000000.jsonl")).map((line) => JSON.parse(line)[0])).toEqual([
    0, 1, 2, 3, 4,
  ]);
  const all = await ask({});
  await finished(all.export_id);
  expect(parseManifest((await filesOf(all.export_id)).get("bundle.json") ?? Buffer.of())).toMatchObject({
    selection: "range",
    range: [0, 6],
    hidden: 1,
  });
});

test("who asks and who fetches is recorded before it happens, and what can't be recorded does not happen", async () => {
  const { export_id: id } = await ask({ content: false });
  await finished(id);
  expect(api.acts.recorded.at(-1)).toMatchObject({
    action: "export.create",
    reason: "yearly audit",
    target: { export_id: id, recipient: "Auditor GmbH" },
  });
  expect([...(await filesOf(id)).keys()].filter((path) => path.startsWith("payloads/"))).toEqual([]);
  // So who holds a bundle can show that it is the one that was handed out, and who has another that it is not.
  const tar = (await app.inject({ url: `/v1/exports/${id}/bundle` })).rawPayload;
  expect(api.acts.recorded.at(-1)).toMatchObject({
    action: "export.download",
    target: {
      export_id: id,
      sha256: createHash("sha256").update(tar).digest("hex"),
      size_bytes: tar.length,
      recipient: "Auditor GmbH",
    },
  });
  api.acts.refuse(true);
  expect((await app.inject({ url: `/v1/exports/${id}/bundle` })).statusCode).toBe(503);
  const refused = await app.inject({ method: "POST", url: "/v1/exports", payload: ASKED });
  api.acts.refuse(false);
  expect(refused.statusCode).toBe(503);
});

test("a bundle that a command made straight from the objects is recorded by the next API that runs on them", async () => {
  const asked = { filter: { agent: "=cmd()" }, content: false, ...ASKED };
  const where = { tenant: "default", exporter: "root (system user)", nowMs: Date.UTC(2026, 0, 2) };
  const ended: unknown[] = [];
  const make = (name: string, open: () => Promise<typeof api.objects>) => {
    const record = { open, onEnd: (error: unknown) => void ended.push(error) };
    return exportOffline(
      api.objects,
      undefined,
      { ...asked, ...where },
      join(directory, name),
      () => undefined,
      record,
    );
  };
  const { sha256, sizeBytes: size_bytes } = await make("noted.tar", async () => api.objects);
  expect(
    createHash("sha256")
      .update(await readFile(join(directory, "noted.tar")))
      .digest("hex"),
  ).toBe(sha256);
  await make("unnoted.tar", async () => Promise.reject(new Error("read-only")));
  expect(ended).toEqual([null, new Error("read-only")]);
  const notes = createOfflineExports(api.objects);
  // One that is refused for ever holds up none behind it.
  await notes.update(([note]) => (note ? [{ ...note, export_id: "refused", tenant: "no tenant" }, note] : []));
  const { record } = api.acts;
  vi.spyOn(api.acts, "record").mockImplementation(async (act) => {
    if (act.principal.tenant === "no tenant") throw new Error("the collector answered 403");
    await record(act);
  });
  const before = api.acts.recorded.length;
  const running = await openApp();
  await running.listen({ port: 0 });
  await vi.waitFor(async () => expect(await notes.read()).toMatchObject([{ export_id: "refused" }]), {
    timeout: 20_000,
  });
  await running.close();
  vi.restoreAllMocks();
  await notes.update(() => []);
  const act = { action: "export.create", reason: "yearly audit", principal: { name: "root (system user)" } };
  const target = { recipient: "Auditor GmbH", offline: true, sha256, size_bytes, shards: ["0"], content: false };
  expect(api.acts.recorded.slice(before)).toMatchObject([{ ...act, target }]);
});

test("of very many logs an act holds a count and a hash, so that it can be recorded", () => {
  expect(logsOnRecord(["a", "b"])).toEqual({ shards: ["a", "b"] });
  const shards = (count: number) => Array.from({ length: count }, (_, i) => `runledger-collector-${i}`.padEnd(64, "x"));
  for (const many of [shards(300), shards(2_000)]) {
    const shards_sha256 = createHash("sha256").update(JSON.stringify(many)).digest("hex");
    expect(logsOnRecord(many)).toEqual({ shard_count: many.length, shards_sha256 });
  }
});

test("a download goes on where it broke off", async () => {
  const { export_id: id } = await ask({});
  const { size_bytes: size } = await finished(id);
  const whole = (await app.inject({ url: `/v1/exports/${id}/bundle` })).rawPayload;
  expect(whole.length).toBe(size);
  const rest = await app.inject({ url: `/v1/exports/${id}/bundle`, headers: { range: "bytes=1000-" } });
  expect(rest.statusCode).toBe(206);
  expect(rest.headers["content-range"]).toBe(`bytes 1000-${whole.length - 1}/${whole.length}`);
  expect(rest.rawPayload.equals(whole.subarray(1000))).toBe(true);
  const beyond = await app.inject({ url: `/v1/exports/${id}/bundle`, headers: { range: `bytes=${whole.length}-` } });
  expect(beyond.statusCode).toBe(416);
});

test("an export that a restart interrupted is made again, to the same bytes", async () => {
  const { export_id: id } = await ask({});
  const { sha256 } = await finished(id);
  await app.close();
  const store = createExportStore(api.objects);
  await store.change(id, { state: "running", sha256: null, size_bytes: null, attempts: 1 });
  await rm(join(directory, `${id}.tar`));
  await writeFile(join(directory, `${id}.tar.partial`), "half of it");
  app = await openApp();
  await app.ready();
  expect(await finished(id)).toMatchObject({ state: "done", sha256 });
  await app.close();
  await store.change(id, { state: "running", attempts: 3 });
  app = await openApp();
  await app.ready();
  expect(await finished(id)).toMatchObject({ state: "failed", error: "it was interrupted 3 times" });
});

test("a bundle is deleted when its time is up, and what crashes left behind too", async () => {
  await app.close();
  app = await openApp({ exportKeepMs: 1 });
  const { export_id: id } = await ask({});
  await finished(id);
  await app.close();
  await writeFile(join(directory, "0000.tar.partial"), "left behind");
  await mkdir(join(directory, "parts-killed"));
  api.clock.nowMs += 10;
  app = await openApp();
  await app.ready();
  await expect.poll(() => readdir(directory)).toEqual(["instance"]);
  expect(await finished(id)).toMatchObject({ state: "expired" });
  expect((await app.inject({ url: `/v1/exports/${id}/bundle` })).json().error).toMatchObject({
    code: "not_found",
    hint: "export again",
  });
});

test("one tenant's exports push none of another's out, nor its bundle, and leave it room", async () => {
  const { export_id: id } = await ask({});
  await finished(id);
  await app.close();
  const store = createExportStore(api.objects);
  const ours = await store.find("default", id);
  const acmes = (count: number, state: KeptExport["state"]) =>
    Array.from({ length: count }, (_, i) => ({
      ...ours,
      tenant: "acme",
      instance: "other",
      state,
      id: `${state}-${i}`,
    }));
  const exports = [...acmes(20, "pending"), ...acmes(200, "done"), ours];
  await api.objects.replace("state/exports.json", Buffer.from(JSON.stringify({ exports })));
  await expect(store.add({ ...ours, id: "more", tenant: "acme", state: "pending" })).rejects.toMatchObject({
    ...{ code: "rate_limited", message: "20 exports wait, which is the limit of a tenant" },
  });
  await store.change("pending-0", { state: "done" });
  await store.add({ ...ours, id: "more", tenant: "acme", instance: "other", state: "pending" });
  await store.add({ ...ours, id: "failing", attempts: 3, state: "pending" });
  app = await openApp();
  await app.ready();
  await finished("failing"); // by now strangers were looked for
  expect((await app.inject({ url: `/v1/exports/${id}/bundle` })).statusCode).toBe(200);
  const left = (await store.all()).map((kept) => kept.id);
  expect(["pending-0", "done-198", "done-199"].map((acme) => left.includes(acme))).toEqual([true, true, false]);
});

test.each([
  ["no recipient", { recipient: " " }, "recipient"],
  ["a time that is none", { filter: { since: "yesterday" } }, "since"],
  ["a filter that there is not", { filter: { colour: "red" } }, "colour"],
  ["a checkpoint of a longer log", { since_checkpoint: 7 }, "since_checkpoint"],
])("%s is refused, by name", async (_what, body, field) => {
  const response = await app.inject({ method: "POST", url: "/v1/exports", payload: { ...ASKED, ...body } });
  expect(response.statusCode).toBe(400);
  expect(response.json().error.message).toContain(field);
});

test("where collectors write several logs the bundle is of all, in folders, told of together; one alone is for who names it", async () => {
  const again = recordOf(toolRow("r1", "tool", {}), {
    kind: "tool",
    run: runOf("=cmd()"),
    run_seq: 2,
    ...received(20),
  });
  await publishSmallLog(
    api.objects,
    [
      recordOf(llmRow("r4", "llm4", {}), { run: runOf("=cmd()"), ...received(5) }),
      again,
      recordOf(toolRow("r1", "late", {}), { kind: "tool", run: runOf("=cmd()"), run_seq: 9, ...received(60) }),
    ],
    "9",
  );
  const { export_id: id } = await ask({ filter: { user: "u1", agent: "=cmd()" } });
  expect(await finished(id)).toMatchObject({ state: "done", shard: null, shards: ["0", "9"], entries: 7, runs: 2 });
  expect(api.acts.recorded.at(-1)).toMatchObject({ target: { shards: ["0", "9"] } });
  const files = await filesOf(id);
  const logs = [
    { shard: "0", selection: "runs", tree_size: 6 },
    { shard: "9", selection: "runs", tree_size: 3 },
  ];
  expect(parseManifest(files.get("bundle.json") ?? Buffer.of())).toMatchObject({
    format: "runledger-bundle/2",
    runs: 2,
    logs,
  });
  expect(linesOf(files.get("logs/9/entries/000000000000000.jsonl"))).toHaveLength(3);
  const csv = String(files.get("derived/runs.csv"));
  expect(csv).toContain(",logs\r\n");
  expect(csv).toContain("0: 0-4; 9: 2-2\r\n");
  const events = linesOf(files.get("derived/ocsf.jsonl")).map((line) => ocsfApiActivity.parse(JSON.parse(line)));
  expect(events.map(({ unmapped, metadata }) => `${unmapped["shard"]}:${metadata.sequence}`)).toEqual([
    "9:0",
    "0:1",
    "0:2",
    "9:2",
  ]);
  expect(String(files.get("derived/report.html"))).toContain("[9 2]");
  // Made again after a restart, it is the same, whatever was begun since.
  const { sha256 } = await finished(id);
  await app.close();
  await publishSmallLog(api.objects, [recordOf(llmRow("r5", "llm5", {}), { run: runOf("=cmd()") })], "another");
  await createExportStore(api.objects).change(id, { state: "running", sha256: null, attempts: 1 });
  await rm(join(directory, `${id}.tar`));
  app = await openApp();
  await app.ready();
  expect(await finished(id)).toMatchObject({ state: "done", sha256, shards: ["0", "9"] });
  const alone = await ask({ shard: "0" });
  expect(await finished(alone.export_id)).toMatchObject({ state: "done", shard: "0", shards: ["0"] });
  expect([...(await filesOf(alone.export_id)).keys()].some((path) => path.startsWith("logs/"))).toBe(false);
  for (const [body, field] of [
    [{ since_checkpoint: 1 }, "since_checkpoint"],
    [{ since_checkpoints: [{ origin: "elsewhere", size: 1 }] }, "elsewhere"],
  ] as const) {
    const refused = await app.inject({ method: "POST", url: "/v1/exports", payload: { ...ASKED, ...body } });
    expect(refused.json().error).toMatchObject({ code: "invalid_argument", message: expect.stringContaining(field) });
  }
  const none = await app.inject({ method: "POST", url: "/v1/exports", payload: { ...ASKED, shard: "nowhere" } });
  expect(none.statusCode).toBe(409);
});

test("an export of before bundles were of several logs is made again from what was kept of it", async () => {
  const { export_id: id } = await ask({ shard: "0" });
  const { sha256 } = await finished(id);
  await app.close();
  const state = JSON.parse(Buffer.from((await api.objects.read("state/exports.json")) ?? []).toString());
  const list = state.exports ?? state.value.exports;
  const [{ logs, directory: _, ...kept }] = list;
  list[0] = {
    ...kept,
    checkpoint: logs[0].checkpoint,
    since_checkpoint: null,
    state: "running",
    attempts: 1,
    sha256: null,
  };
  await api.objects.replace("state/exports.json", Buffer.from(JSON.stringify(state)));
  await rm(join(directory, `${id}.tar`));
  app = await openApp();
  await app.ready();
  expect(await finished(id)).toMatchObject({ state: "done", sha256, shards: ["0"] });
});
