import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  KEPT_MEDIA_TYPE,
  packPath,
  parseTlogProof,
  ROW_TEXT_CHARS,
  rowName,
  rowText,
  runList,
  stepDetail,
  stepList,
  verifyTlogProof,
} from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { publishSmallLog, recordOf, verifier, verifierKey, writePack } from "../testing/small-log.ts";
import { at, llmRow, sha256, stepRow, toolRow } from "../testing/step-rows.ts";

let api: ApiUnderTest;
let packs: Map<string, string>;

const RAW_RESPONSE = 'data: {"id":"x"}\n\ndata: [DONE]\n\n';
const HISTORY = [{ role: "user", parts: [{ type: "text", content: "Where is my parcel?" }] }];
const ADDED = [{ role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: 12345678901234 }] }];

const llm = llmRow("r1", "llm", { start_time: at(10), run_seq: 1, input_tokens: 7, cost_usd: "0.1", streaming: true });
const odd = llmRow("r1", "last", { start_time: at(30), run_seq: 3, status: "error", error_type: "RateLimit" });
/** As Python writes it: it looks like JSON, and is none. */
const WORDS = "{'city': 'Oslo', 'dry': True}";
const kept = toolRow("kept", "tool", { start_time: at(10) });
const NESTED = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
/** Read by the thread for large contents: a history that only its beginning makes large, and contents large themselves. */
const longHistory = llmRow("large", "history", { start_time: at(10) });
const longTexts = llmRow("large", "texts", { start_time: at(20) });
const exact = toolRow("exact", "small", { start_time: at(10) });
const exactLong = toolRow("exact", "large", { start_time: at(20) });
const EXACT = '{"2":12345678901234567890,"1":[1e400,1.50,-0],"id":9007199254740993}';
const LONG = 'é"\\n'.repeat(150_000);
/** As rows of before they were made short have it, as rows of today have it, and what an erasure leaves of it. */
const BOOM = `😀${"boom ".repeat(2_000)}`;
const WORDY = "w".repeat(2_000);
const failed = { status: "error", error_type: WORDY, session_id: "cut", root: true };
const long = toolRow("long", "old", {
  ...failed,
  name: WORDY,
  error_message: BOOM,
  tool_name: WORDY,
  user_id: rowName(WORDY),
});
const short = toolRow("long", "new", {
  ...failed,
  root: false,
  start_time: at(10),
  name: rowName(WORDY),
  error_message: rowText(BOOM),
  tool_name: rowName(WORDY),
});
const erased = toolRow("long", "erased", { ...failed, root: false, start_time: at(20), error_message: "" });
const rows = [
  stepRow("r1", "start", { event: "run_start", start_time: at(0), run_seq: 0 }),
  llm,
  // The same moment, not numbered by the SDK, and numbered: the numbered one comes first.
  stepRow("r1", "foreign", { start_time: at(20) }),
  toolRow("r1", "tool", { start_time: at(20), run_seq: 2, tool_call_id: "c1", tool_inferred: true }),
  odd,
  longHistory,
  longTexts,
  kept,
  exact,
  exactLong,
  ...[long, short, erased],
];

beforeAll(async () => {
  api = await startApiUnderTest({}, { verifierKeys: [verifierKey] });
  await api.rows.insert("steps", rows, "seed");
  const payloads = await writePack(
    api.objects,
    {
      system_prompt: '"You help."',
      response: '[{"role":"assistant","parts":[]}]',
      raw_response: RAW_RESPONSE,
      overflow: '{"attributes":{"__proto__":"kept","large":"thing"},"events":[{"name":"e"}],"links":[]}',
    },
    { history: HISTORY, added: ADDED },
  );
  const oddPayloads = await writePack(
    api.objects,
    {
      response: '"hello"',
      tool_definitions: '{"search":{"strict":true}}',
      parameters: NESTED,
      input: '{"question":"where?"}',
      output: '["there"]',
      raw_request: '{"model":"m"}',
    },
    { history: [], added: [] },
  );
  const keptPayloads = await writePack(
    api.objects,
    { arguments: '{"city":"Oslo"}', result: WORDS, input: '["a"]', output: WORDS },
    { history: [], added: [] },
    KEPT_MEDIA_TYPE,
  );
  const told = { name: WORDY, error: { type: WORDY, message: BOOM }, status: "error" } as const;
  const records = [
    recordOf(odd, { payloads: oddPayloads }),
    recordOf(llm, { payloads, resource: { "service.name": "shop" } }),
    recordOf(longHistory, {
      payloads: await writePack(api.objects, {}, { history: [LONG, ...HISTORY], added: ADDED }),
    }),
    recordOf(longTexts, {
      payloads: await writePack(
        api.objects,
        {
          response: JSON.stringify(LONG),
          system_prompt: JSON.stringify([LONG]),
          raw_response: LONG,
          parameters: NESTED,
          input: WORDS,
          output: "null",
        },
        { history: [], added: [] },
      ),
    }),
    recordOf(kept, { payloads: keptPayloads }),
    recordOf(exact, {
      payloads: await writePack(
        api.objects,
        { arguments: EXACT, result: EXACT },
        { history: [], added: [] },
        KEPT_MEDIA_TYPE,
      ),
    }),
    recordOf(exactLong, {
      payloads: await writePack(
        api.objects,
        { arguments: EXACT, result: EXACT, input: JSON.stringify(LONG) },
        { history: [], added: [] },
      ),
    }),
    ...[long, short, erased].map((row) => recordOf(row, told)),
  ];
  packs = new Map(records.map((record) => [record.record_id, record.payloads.messages?.pack ?? ""]));
  await api.rows.insert("log_entries", await publishSmallLog(api.objects, records), "log");
});
afterAll(() => api.close());

test("steps come in order of time, then number, with their place in the run", async () => {
  const { items } = stepList.parse((await api.get("/v1/runs/r1/steps")).body);
  expect(items.map((step) => [step.seq, step.name])).toEqual([
    [1, "llm"],
    [2, "tool"],
    [3, "foreign"],
    [4, "last"],
  ]);
  expect(items[0]).toMatchObject({
    kind: "llm",
    status: "ok",
    start_time: at(10),
    llm: { input_tokens: 7, output_tokens: null, cost_usd: "0.1", streaming: true },
    tool: null,
  });
  expect(items[1]).toMatchObject({
    kind: "tool",
    llm: null,
    tool: { name: "search", call_id: "c1", inferred: true, known: null },
  });
  expect(items[3]).toMatchObject({ status: "error", error: { type: "RateLimit", message: null } });
});

test("pages of steps keep the places of the whole run", async () => {
  const first = stepList.parse((await api.get("/v1/runs/r1/steps?limit=3")).body);
  const second = stepList.parse((await api.get(`/v1/runs/r1/steps?limit=3&cursor=${first.next_cursor}`)).body);
  expect([...first.items, ...second.items].map((step) => step.seq)).toEqual([1, 2, 3, 4]);
  expect(second.next_cursor).toBeNull();
});

test("a step shows exactly what went in and came out", async () => {
  const { body } = await api.get(`/v1/runs/r1/steps/${llm.step_id}`);
  expect(Object.keys(Object(body).attributes)).toEqual(["__proto__", "large"]);
  expect(stepDetail.parse(body)).toMatchObject({
    content: "available",
    log_index: 1,
    seq: 1,
    llm: {
      system_prompt: "You help.",
      messages: [...HISTORY, ...ADDED],
      response: [{ role: "assistant", parts: [] }],
      tool_definitions: null,
      raw_response: RAW_RESPONSE,
    },
    attributes: JSON.parse('{"__proto__":"kept","large":"thing"}'),
    events: [{ name: "e" }],
    resource: { "service.name": "shop" },
    scope: { name: "test", version: "1" },
  });
});

test("content that is no list or nested without end is shown all the same", async () => {
  const { body } = await api.get(`/v1/runs/r1/steps/${odd.step_id}`);
  expect(stepDetail.parse(body)).toMatchObject({
    content: "available",
    llm: {
      response: ["hello"],
      tool_definitions: [{ search: { strict: true } }],
      parameters: NESTED,
      raw_request: '{"model":"m"}',
    },
    input: { question: "where?" },
    output: ["there"],
  });
});

test("large content is shown as small content is", async () => {
  const detailOf = async ({ run_id, step_id }: typeof longTexts) =>
    stepDetail.parse((await api.get(`/v1/runs/${run_id}/steps/${step_id}`)).body);
  expect(await detailOf(longHistory)).toMatchObject({
    content: "available",
    llm: { messages: [LONG, ...HISTORY, ...ADDED], response: null },
  });
  expect(await detailOf(longTexts)).toMatchObject({
    content: "available",
    llm: { response: [LONG], system_prompt: [LONG], raw_response: LONG, parameters: NESTED, messages: [] },
    input: WORDS,
    output: null,
  });
});

test("what a step was given and gave is shown as its JSON, or as the text that was received", async () => {
  const { body } = await api.get(`/v1/runs/kept/steps/${kept.step_id}`);
  expect(stepDetail.parse(body)).toMatchObject({
    content: "available",
    tool: { arguments: { city: "Oslo" }, result: WORDS },
    input: ["a"],
    output: WORDS,
  });
});

test.each([
  ["small", () => exact],
  ["large", () => exactLong],
])("numbers are shown digit by digit, and members in their order: %s", async (_, rowOf) => {
  const { body } = await api.app.inject({ url: `/v1/runs/exact/steps/${rowOf().step_id}` });
  expect(body).toContain(`"arguments":${EXACT},"result":${EXACT}`);
});

test("the content of a step that is not in the log yet is pending", async () => {
  const { status, body } = await api.get(`/v1/runs/r1/steps/${rows[3]?.step_id}`);
  expect(status).toBe(200);
  expect(stepDetail.parse(body)).toMatchObject({
    content: "pending",
    log_index: null,
    tool: { arguments: null, result: null },
  });
});

test("a step of another run is not found", async () => {
  const { status, body } = await api.get(`/v1/runs/r1/steps/${sha256("no").slice(0, 16)}`);
  expect(status).toBe(404);
  expect(body).toMatchObject({ error: { code: "not_found", hint: expect.stringContaining("/v1/runs/r1/steps") } });
});

test.each([
  "/v1/runs/r1/steps/short",
  `/v1/runs/r1/steps/${"0".repeat(64)}`,
  `/v1/runs/r1/steps/${llm.step_id}?record_id=${"0".repeat(100)}`,
  `/v1/runs/r1/steps/${llm.step_id}?record_id=${rows[3]?.record_id}`,
  "/v1/runs/%27%22%5C%0A%F0%9F%8E%88/steps",
])("%s is a 404, whatever its ids look like", async (url) => {
  expect((await api.get(url)).status).toBe(404);
});

test("the proof of a record leads from its entry to the signed checkpoint, as JSON and as a tlog-proof", async () => {
  const json = await api.get(`/v1/audit/proof?record_id=${llm.record_id}`);
  expect(json.body).toMatchObject({
    log_index: 1,
    tree_size: 10,
    shard: "0",
    hashes: Array.from({ length: 4 }, () => expect.any(String)),
  });
  const { leaf_hash } = json.body as { leaf_hash: string };
  const text = await api.app.inject({
    url: `/v1/audit/proof?record_id=${llm.record_id}`,
    headers: { accept: "text/plain" },
  });
  expect(text.headers["content-type"]).toContain("text/plain");
  const checkpoint = verifyTlogProof(parseTlogProof(text.body), Buffer.from(leaf_hash, "hex"), [verifier]);
  expect(checkpoint.size).toBe(10);
});

test("the log is served as it is stored, full tiles for ever and the head never from a cache, and who reads contents in it is on record", async () => {
  const before = api.acts.recorded.length;
  const head = await api.get("/v1/audit/checkpoint");
  expect(head.headers["cache-control"]).toBe("no-cache");
  expect(head.body).toContain("example.com/log\n10\n");
  const bundle = await api.app.inject({ url: "/v1/audit/tile/entries/000.p/10" });
  expect(bundle.rawPayload).toEqual(Buffer.from((await api.objects.read("log/0/tile/entries/000.p/10")) ?? []));
  expect(bundle.headers["cache-control"]).toBe("no-cache");
  const pack = packs.get(llm.record_id) ?? "";
  const path = packPath("0", pack);
  const sameByPath = await api.app.inject({ url: "/v1/audit/objects/log/0/tile/entries/000.p/10" });
  expect(sameByPath.rawPayload).toEqual(bundle.rawPayload);
  const stored = await api.app.inject({ url: `/v1/audit/objects/${path}` });
  expect(sha256(stored.rawPayload)).toBe(pack);
  expect(stored.headers["cache-control"]).toContain("immutable");
  const read = (part: string) => ({ action: "content.read", target: { part, shard: "0" } });
  // Entries hold what no mapping knows, logs' bodies, messages of exceptions: in the clear.
  expect(api.acts.recorded.slice(before)).toMatchObject([read("entries"), read("packs")]);
  expect((await api.get("/v1/audit/keys")).body).toMatchObject({
    keys: [verifierKey],
    note: expect.stringContaining("out of band"),
  });
});

test.each([
  "/v1/audit/objects/log%2F..%2Fcheckpoint",
  "/v1/audit/objects/log%2F0%2Ftile%2F..%2Fcheckpoint",
  "/v1/audit/objects/log%2F0%2Ftile%2F%2F0",
  "/v1/audit/tile/0/001",
  "/v1/audit/tile/entries/../../../state/alerts.json",
  "/v1/audit/objects/state/alerts.json",
  "/v1/audit/objects/log/0/../../state/alerts.json",
  "/v1/audit/objects/log%2F0%2F..%2F..%2Fstate%2Falerts.json",
  "/v1/audit/objects/log/0/staging/batch",
  `/v1/audit/proof?record_id=${"0".repeat(64)}`,
])("%s is a 404", async (url) => {
  await api.objects.replace("state/alerts.json", Buffer.from("{}"));
  expect((await api.get(url)).status).toBe(404);
});

test.each([
  ["small", () => llm],
  ["large", () => longTexts],
])("stored content that was changed is not shown: %s", async (_, rowOf) => {
  const { run_id, step_id, record_id } = rowOf();
  const path = join(api.objectsDir, packPath("0", packs.get(record_id) ?? ""));
  const bytes = await readFile(path);
  await chmod(path, 0o600);
  try {
    await writeFile(
      path,
      bytes.map((byte) => byte ^ 1),
    );
    const { status, body } = await api.get(`/v1/runs/${run_id}/steps/${step_id}`);
    expect(status).toBe(500);
    expect(body).toMatchObject({ error: { code: "internal", message: "something went wrong here" } });
  } finally {
    await writeFile(path, bytes);
  }
});

test("a read of content is recorded before it is answered, with who, what and why", async () => {
  api.acts.recorded.length = 0;
  const url = `/v1/runs/r1/steps/${llm.step_id}`;
  expect((await api.get(`${url}?reason=ticket%207`)).status).toBe(200);
  await api.app.inject({ url, headers: { "runledger-reason": Buffer.from("Prüfung").toString("latin1") } });
  const target = { run_id: "r1", step_id: llm.step_id, record_id: llm.record_id };
  expect(api.acts.recorded).toMatchObject([
    { action: "content.read", reason: "ticket 7", target, principal: { keyId: null, name: "loopback" } },
    { action: "content.read", reason: "Prüfung", target },
  ]);
  await api.get("/v1/runs/r1/steps/none");
  expect(api.acts.recorded).toHaveLength(2);
});

test("content whose reading can't be recorded is not shown", async () => {
  api.acts.refuse(true);
  const refused = await api.get(`/v1/runs/r1/steps/${odd.step_id}?reason=unrecorded`);
  api.acts.refuse(false);
  expect(refused.status).toBe(503);
  expect(JSON.stringify(refused.body)).not.toContain("hello");
});

test("what is long is cut in lists, of rows of before too, and whole in the step; what was erased stays so", async () => {
  const { items } = stepList.parse((await api.get("/v1/runs/long/steps")).body);
  for (const { name, error, tool } of items) {
    expect([...(error?.message ?? "")].length).toBeLessThanOrEqual(ROW_TEXT_CHARS);
    for (const text of [name, error?.type ?? "", tool?.name ?? ""]) expect(text.length).toBeLessThan(1_100);
  }
  expect(items[1]?.error?.message).toBe(rowText(BOOM));
  expect(items[0]?.error?.message?.startsWith("😀boom")).toBe(true);
  expect(items[0]?.error?.message?.endsWith("…")).toBe(true);

  const body = JSON.stringify((await api.get("/v1/runs/long")).body);
  expect(body.length).toBeLessThan(6 * ROW_TEXT_CHARS);

  for (const { step_id } of [long, short]) {
    const detail = stepDetail.parse((await api.get(`/v1/runs/long/steps/${step_id}`)).body);
    expect(detail).toMatchObject({ name: WORDY, error: { type: WORDY, message: BOOM } });
  }
  const { error } = stepDetail.parse((await api.get(`/v1/runs/long/steps/${erased.step_id}`)).body);
  expect(error?.message).toBeNull();
});

test("a run is found by a name that rows have shortened, as it was sent and as it is shown", async () => {
  for (const user of [WORDY, rowName(WORDY)]) {
    const { items } = runList.parse((await api.get(`/v1/runs?user=${encodeURIComponent(user)}`)).body);
    expect(items.map(({ run_id }) => run_id)).toEqual(["long"]);
  }
  expect(runList.parse((await api.get(`/v1/runs?user=${WORDY}w`)).body).items).toEqual([]);
});
