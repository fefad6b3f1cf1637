import { runDetail, runList, type StepRow, stepDetail, stepList, usage } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { at, llmRow, START_MS, stepRow, toolRow } from "../testing/step-rows.ts";

let api: ApiUnderTest;

beforeAll(async () => {
  api = await startApiUnderTest();
  await insert("seed", [
    ...endedRun("r-done", 0),
    ...endedRun("r-failed", 1_000, {
      end_status: "failed",
      status: "error",
      error_type: "Timeout",
      error_message: "no answer",
    }),
    stepRow("r-heartbeats", "start", {
      event: "run_start",
      heartbeat_interval_ms: 5_000,
      start_time: at(2_000),
      agent_name: "beater",
    }),
    llmRow("r-heartbeats", "llm", { start_time: at(2_500) }),
    stepRow("r-foreign", "root", {
      root: true,
      kind: "agent",
      dialect: "otel",
      start_time: at(3_000),
      end_time: at(4_000),
      received_time: at(4_000),
    }),
    stepRow("r-silent", "start", { event: "run_start", start_time: at(4_000) }),
    stepRow("r-other-tenant", "start", { tenant: "somebody", start_time: at(4_000) }),
  ]);
});
afterAll(() => api.close());

async function insert(token: string, rows: StepRow[]): Promise<void> {
  await api.rows.insert("steps", rows, token);
}

function endedRun(runId: string, startMs: number, end: Partial<StepRow> = {}): StepRow[] {
  const facts = {
    task_id: `task of ${runId}`,
    task_type: "ticket",
    agent_name: "support",
    agent_version: "1.4.0",
    session_id: "s1",
    user_id: "u1",
  };
  return [
    stepRow(runId, "start", { event: "run_start", run_seq: 0, start_time: at(startMs), ...facts }),
    llmRow(runId, "llm 1", {
      run_seq: 1,
      start_time: at(startMs + 10),
      input_tokens: 100,
      output_tokens: 20,
      cost_usd: "0.000000001",
      price_table: "prices",
      price_version: "7",
      input_preview: "Where is my parcel?",
    }),
    toolRow(runId, "tool 1", { run_seq: 2, start_time: at(startMs + 20), latency_ms: 7.25 }),
    toolRow(runId, "tool 2", {
      run_seq: 3,
      start_time: at(startMs + 30),
      status: "error",
      error_type: "NotFound",
      error_message: "no such parcel",
      attempt: 2,
    }),
    llmRow(runId, "llm 2", { run_seq: 4, start_time: at(startMs + 40), input_tokens: null, output_tokens: null }),
    stepRow(runId, "end", {
      event: "run_end",
      run_seq: 5,
      start_time: at(startMs + 50),
      end_time: at(startMs + 50),
      end_status: "completed",
      end_outcome: "resolved",
      end_records: 6,
      ...end,
    }),
  ];
}

async function list(query = ""): Promise<string[]> {
  const { status, body } = await api.get(`/v1/runs?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return runList.parse(body).items.map((run) => run.run_id);
}

test("a run is summed up from its records, with money exact and the unknown counted", async () => {
  const { body } = await api.get("/v1/runs/r-done");
  expect(runDetail.parse(body)).toMatchObject({
    run_id: "r-done",
    task_type: "ticket",
    agent: { name: "support", version: "1.4.0" },
    status: "completed",
    outcome: "resolved",
    start_time: "2026-01-02T03:04:05.000000000Z",
    end_time: "2026-01-02T03:04:05.050000000Z",
    duration_ms: 50,
    steps: 4,
    llm_calls: 2,
    tool_call_count: 2,
    tool_errors: 1,
    input_tokens: 100,
    cache_read_tokens: null,
    usage_missing: 1,
    cost_usd: "0.000000001",
    cost_missing: 1,
    models: ["gpt-test-1"],
    tools: ["search"],
    complete: true,
    records: 6,
    records_expected: 6,
    tool_calls: [
      { tool: "search", latency_ms: 7.25, success: true, attempt: 1, error: null },
      { tool: "search", success: false, attempt: 2, error: { type: "NotFound", message: "no such parcel" } },
    ],
  });
});

test("records count like the number that the run's end commits to, without those that bear no number", async () => {
  await insert("foreign steps", [stepRow("r-done", "not numbered", { start_time: at(25) })]);
  const { body } = await api.get("/v1/runs/r-done");
  expect(body).toMatchObject({ steps: 5, records: 6, records_expected: 6, complete: true });
});

test("runs are listed newest first, of this tenant only", async () => {
  expect(await list()).toEqual(["r-silent", "r-foreign", "r-heartbeats", "r-failed", "r-done"]);
});

test("a root span without an end record ends a foreign run", async () => {
  const { body } = await api.get("/v1/runs/r-foreign");
  expect(body).toMatchObject({
    status: "completed",
    missing_parents: [],
    gaps: [],
    end_time: at(4_000),
    duration_ms: 1_000,
    complete: true,
  });
});

test("a failed run tells its error", async () => {
  const { body } = await api.get("/v1/runs/r-failed");
  expect(body).toMatchObject({ status: "failed", error: { type: "Timeout", message: "no answer" } });
});

test("a run that promised heartbeats is abandoned after a minute of silence, another one after a quarter of an hour", async () => {
  const { nowMs } = api.clock;
  try {
    api.clock.nowMs = START_MS + 2_500 + 60_000;
    expect(await list("status=running")).toEqual(["r-silent", "r-heartbeats"]);
    api.clock.nowMs += 1;
    expect(await list("status=abandoned")).toEqual(["r-heartbeats"]);
    api.clock.nowMs = START_MS + 4_000 + 15 * 60_000 + 1;
    expect(await list("status=running")).toEqual([]);
  } finally {
    api.clock.nowMs = nowMs;
  }
});

test.each([
  ["agent=support", ["r-failed", "r-done"]],
  ["task_type=ticket&status=failed", ["r-failed"]],
  ["session=s1&user=u1&model=gpt-test-1&tool=search", ["r-failed", "r-done"]],
  ["model=gpt-other", []],
  ["since=2026-01-02T03:04:06Z&until=2026-01-02T05:04:08%2B02:00", ["r-heartbeats", "r-failed"]],
  ["min_cost_usd=0.000000001", ["r-failed", "r-done"]],
  ["min_cost_usd=0.000000002", []],
  ["q=PARCEL", ["r-failed", "r-done"]],
  ["q=parcel&until=2026-01-08T00:00:00Z", ["r-failed", "r-done"]],
  ["q=parcel&until=9999-12-31T00:00:00Z", ["r-failed", "r-done"]],
  ["since=9999-12-31T00:00:00Z", []],
  ["agent=support&since=0001-01-01T00:00:00Z", ["r-failed", "r-done"]],
  ["until=0001-01-01T00:00:00Z", []],
  ["q=beater", ["r-heartbeats"]],
  ["agent=%27%20OR%201%3D1%20--", []],
])("the filter %s selects %j", async (query, expected) => {
  expect(await list(query)).toEqual(expected);
});

test("text in steps is looked for in the last seven days, unless the question says since when", async () => {
  const { nowMs } = api.clock;
  try {
    api.clock.nowMs = START_MS + 8 * 24 * 3_600_000;
    expect(await list("q=parcel")).toEqual([]);
    expect(await list("q=parcel&since=2026-01-01T00:00:00Z")).toEqual(["r-failed", "r-done"]);
    expect(await list("q=beater")).toEqual(["r-heartbeats"]);
  } finally {
    api.clock.nowMs = nowMs;
  }
});

test.each(["start_time", "-start_time", "cost_usd", "-cost_usd", "duration_ms", "-duration_ms", "steps", "-steps"])(
  "pages in order %s hold every run once",
  async (order) => {
    const whole = await list(`order=${order}`);
    expect(new Set(whole).size).toBe(5);
    const paged: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = runList.parse((await api.get(`/v1/runs?order=${order}&limit=2&cursor=${cursor}`)).body);
      paged.push(...page.items.map((run) => run.run_id));
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(whole);
  },
);

test("runs that arrive between two pages neither repeat nor hide others", async () => {
  const first = runList.parse((await api.get("/v1/runs?agent=support&limit=1")).body);
  await insert("late", [
    stepRow("r-late", "start", { event: "run_start", agent_name: "support", start_time: at(50_000) }),
  ]);
  const second = runList.parse((await api.get(`/v1/runs?agent=support&limit=1&cursor=${first.next_cursor}`)).body);
  expect([first, second].map((page) => page.items.map((run) => run.run_id))).toEqual([["r-failed"], ["r-done"]]);
  expect(second.next_cursor).toBeNull();
});

test("a cursor of another question is refused by name", async () => {
  const first = runList.parse((await api.get("/v1/runs?limit=1")).body);
  const { status, body } = await api.get(`/v1/runs?limit=1&order=steps&cursor=${first.next_cursor}`);
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: { code: "invalid_argument", details: [{ field: "cursor" }] } });
});

test.each([
  ["/v1/runs?limit=0", "limit"],
  ["/v1/runs?since=yesterday", "since"],
  ["/v1/runs?status=lost", "status"],
  ["/v1/runs?min_cost_usd=1e-3", "min_cost_usd"],
  ["/v1/runs?colour=red", "colour"],
  ["/v1/runs?cursor=abc", "cursor"],
])("%s is a 400 that names %s", async (url, field) => {
  const { status, body } = await api.get(url);
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: { code: "invalid_argument", details: [{ field }] } });
});

test("a run that is not there is a 404 with a hint", async () => {
  const { status, body } = await api.get("/v1/runs/nobody");
  expect(status).toBe(404);
  expect(body).toMatchObject({ error: { code: "not_found", hint: expect.stringContaining("/v1/runs"), details: [] } });
});

test("an ended run that commits to no number is complete when its root and every parent that is named are here", async () => {
  const foreign = (key: string, facts: Partial<StepRow>) =>
    stepRow("r-gaps", key, { dialect: "otel", start_time: at(-500), ...facts });
  const root = foreign("root", { root: true });
  const chain = foreign("chain", { parent_id: root.step_id });
  await insert("a child", [foreign("child", { parent_id: chain.step_id })]);
  expect((await api.get("/v1/runs/r-gaps")).body).toMatchObject({
    status: "running",
    complete: null,
    missing_parents: [],
  });
  await insert("a root", [root]);
  expect((await api.get("/v1/runs/r-gaps")).body).toMatchObject({ complete: false, missing_parents: [chain.step_id] });
  await insert("a parent", [chain]);
  expect((await api.get("/v1/runs/r-gaps")).body).toMatchObject({ complete: true, missing_parents: [] });
});

test("numbers that are missing, twice there or beyond the end are told, also while the run is open", async () => {
  const numbered = (run: string, n: number, facts: Partial<StepRow> = {}) =>
    stepRow(run, `n${n} ${facts.name ?? ""}`, { run_seq: n, start_time: at(-400 + n), ...facts });
  const end = (run: string, n: number, records: number) =>
    numbered(run, n, { event: "run_end", root: true, end_status: "completed", end_records: records });
  const holes = [0, 1, 4, 6].map((n) => numbered("r-holes", n));
  await insert("holes", holes);
  const gap = (first: number, last: number, kind = "missing") => ({ kind, first, last });
  expect((await api.get("/v1/runs/r-holes")).body).toMatchObject({
    ...{ complete: null, numbered: true },
    gaps: [gap(2, 3), gap(5, 5)],
  });
  await insert("holes' end", [end("r-holes", 8, 9)]);
  expect((await api.get("/v1/runs/r-holes")).body).toMatchObject({
    ...{ complete: false, numbered: true },
    gaps: [gap(2, 3), gap(5, 5), gap(7, 7)],
  });
  await insert("a fork", [
    numbered("r-fork", 0),
    numbered("r-fork", 1),
    numbered("r-fork", 1, { name: "twin" }),
    end("r-fork", 2, 3),
  ]);
  expect((await api.get("/v1/runs/r-fork")).body).toMatchObject({ complete: false, gaps: [gap(1, 1, "fork")] });
  await insert("a false end", [0, 1, 2].map((n) => numbered("r-false", n)).concat(end("r-false", 3, 2)));
  expect((await api.get("/v1/runs/r-false")).body).toMatchObject({ complete: false, gaps: [gap(2, 3, "beyond_end")] });
  await insert("no start", [numbered("r-late", 1), end("r-late", 2, 4)]);
  expect((await api.get("/v1/runs/r-late")).body).toMatchObject({ complete: false, gaps: [gap(0, 0), gap(3, 3)] });
  expect((await api.get("/v1/runs/r-done")).body).toMatchObject({ complete: true, numbered: true, gaps: [] });
  expect((await api.get("/v1/runs/r-foreign")).body).toMatchObject({ numbered: false, gaps: [] });
});

test("the agent is the one that the run's root names, also when other spans came first", async () => {
  const foreign = (key: string, facts: Partial<StepRow>) =>
    stepRow("r-named late", key, { start_time: at(-900), ...facts });
  await insert("spans without a name", [foreign("child", {})]);
  await insert("a root with one", [foreign("root", { root: true, agent_name: "late" })]);
  expect((await api.get("/v1/runs/r-named late")).body).toMatchObject({ agent: { name: "late" } });
});

test("of each sum of tokens a run says how many calls it is without; embeddings write none, and failed calls lack none", async () => {
  const calls = [
    { input_tokens: 100, output_tokens: 20 },
    { input_tokens: 50, output_tokens: null },
    { input_tokens: null, output_tokens: 7 },
    { input_tokens: null, output_tokens: null },
    { input_tokens: 3, output_tokens: null, operation: "embeddings" },
    { input_tokens: 9, output_tokens: null, status: "error" as const },
  ].map((call, n) => llmRow("r-partly", `llm ${n}`, { start_time: at(n), agent_name: "partly", ...call }));
  await insert("partly", calls);
  const sums = { input_tokens: 162, output_tokens: 27, usage_missing: 1, input_missing: 2, output_missing: 2 };
  expect((await api.get("/v1/runs/r-partly")).body).toMatchObject({ llm_calls: 6, ...sums });
  expect((await api.get("/v1/runs?agent=partly")).body).toMatchObject({ items: [sums] });
  for (const group of ["agent", "agent,model"]) {
    const items = usage.parse((await api.get(`/v1/usage?group_by=${group}`)).body).items;
    expect(items.find((row) => row.group["agent"] === "partly")).toMatchObject(sums);
  }
});

test("what a run as a whole was asked and answered is in it, found, readable, and no step", async () => {
  const words = { input_preview: "How is the tide?", output_preview: "High at noon." };
  const root = (key: string, ms: number, facts: Partial<StepRow>) =>
    stepRow("r-roots", key, {
      event: "run_end",
      root: true,
      kind: "agent",
      start_time: at(ms),
      end_status: "completed",
      ...facts,
    });
  const second = root("agent B", 20, {
    status: "error",
    error_type: "Refused",
    error_message: "no",
    end_status: "failed",
  });
  const first = root("agent A", 10, { ...words, latency_ms: 3 });
  await insert("roots", [second, llmRow("r-roots", "call", { start_time: at(15) }), first]);
  const run = runDetail.parse((await api.get("/v1/runs/r-roots")).body);
  expect(run).toMatchObject({ steps: 1, llm_calls: 1, tool_calls: [] });
  const { step_id, record_id } = first;
  expect(run.roots).toEqual([
    { step_id, record_id, name: "agent A", status: "ok", error: null, ...words },
    expect.objectContaining({ name: "agent B", status: "error", error: { type: "Refused", message: "no" } }),
  ]);
  expect(stepList.parse((await api.get("/v1/runs/r-roots/steps")).body).items.map(({ name }) => name)).toEqual([
    "call",
  ]);
  for (const which of ["", `?record_id=${record_id}`])
    expect(stepDetail.parse((await api.get(`/v1/runs/r-roots/steps/${step_id}${which}`)).body)).toMatchObject({
      ...{ seq: 0, kind: "agent", name: "agent A", latency_ms: 3, llm: null, tool: null, content: "pending", ...words },
    });
  const others = [`r-roots/steps/${step_id}?record_id=${second.record_id}`, `r-done/steps/${step_id}`];
  for (const path of others) expect((await api.get(`/v1/runs/${path}`)).status).toBe(404);
  for (const q of ["the tide", "AT NOON", "agent b"])
    expect([q, await list(`q=${encodeURIComponent(q)}&since=2026-01-01T00:00:00Z`)]).toEqual([q, ["r-roots"]]);
});
