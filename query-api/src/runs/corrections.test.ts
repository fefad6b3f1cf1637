import { runDetail, runList, type StepRow, stepDetail, stepList, usage } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { detectLoops } from "../alerts/loops.ts";
import { queryApiSettings } from "../config.ts";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { publishSmallLog, recordOf, writePack } from "../testing/small-log.ts";
import { at, llmRow, sha256, stepRow, toolRow } from "../testing/step-rows.ts";
import { createRunSummaries } from "./run-summaries.ts";

let api: ApiUnderTest;

const EXACT = "12345678901234567890.10";
const facts = { dialect: "otel-genai", agent_name: "foreign", start_time: at(0) };
const root = stepRow("r1", "root", {
  ...facts,
  root: true,
  kind: "agent",
  end_time: at(1_000),
  received_time: at(1_000),
});
const outer = llmRow("r1", "outer", {
  ...facts,
  start_time: at(10),
  input_tokens: 100,
  output_tokens: 5,
  cost_usd: "0.2",
});
const inner = llmRow("r1", "inner", {
  ...facts,
  start_time: at(20),
  input_tokens: 100,
  output_tokens: 5,
  cost_usd: "0.2",
  context_window: 128_000,
  response_model: "gpt-other",
});
const next = llmRow("r1", "next", {
  ...facts,
  start_time: at(500),
  input_tokens: 10,
  output_tokens: 1,
  cost_usd: "0.1",
});
const twin = toolRow("r1", "twin", { ...facts, start_time: at(600) });

function correction(what: string, of: StepRow, more: object): object {
  return {
    tenant: "default",
    run_id: "r1",
    record_id: of.record_id,
    what,
    in_force: true,
    version: 65_536,
    step_id: of.step_id,
    same_call_as: "",
    same_call_in: "",
    shown_by: "",
    result_in: "",
    kind: of.kind,
    name: of.name,
    start_time: of.start_time,
    end_time: of.end_time,
    received_time: of.received_time,
    latency_ms: 0,
    agent_name: "foreign",
    model: of.response_model,
    tool_name: "",
    tool_call_id: "",
    tool_requested_by: "",
    arguments_sha256: "",
    result_sha256: "",
    result_bytes: null,
    error_type: "",
    steps: 0,
    llm_calls: 0,
    tool_calls: 0,
    tool_errors: 0,
    tool_outcome_missing: 0,
    input_tokens: 0,
    output_tokens: 0,
    cost_usd: "0",
    ...more,
  };
}

const inferred = [1, 2, 3].map((n) =>
  correction("inferred", inner, {
    record_id: sha256(`inferred ${n}`),
    step_id: sha256(`inferred ${n}`).slice(0, 16),
    kind: "tool",
    name: "look_up",
    model: "",
    tool_name: "look_up",
    tool_call_id: n === 3 ? "" : `c${n}`,
    tool_requested_by: inner.step_id,
    arguments_sha256: sha256("{}"),
    shown_by: inner.record_id,
    result_in: n === 2 ? "" : next.record_id,
    result_sha256: ["", sha256("42"), "", sha256('"no such city"')][n],
    result_bytes: n === 1 ? 2 : null,
    error_type: n === 3 ? "tool_error" : "",
    tool_errors: n === 3 ? 1 : 0,
    tool_outcome_missing: n === 2 ? 1 : 0,
    start_time: at(100 + n),
    end_time: at(200),
    steps: 1,
    tool_calls: 1,
  }),
);

beforeAll(async () => {
  api = await startApiUnderTest();
  await api.rows.insert("steps", [root, outer, inner, next, twin], "seed");
  await api.rows.insert(
    "corrections",
    [
      correction("uncounted", outer, {
        same_call_as: inner.step_id,
        llm_calls: -1,
        input_tokens: -100,
        output_tokens: -5,
        cost_usd: "-0.2",
      }),
      correction("uncounted", twin, {
        same_call_as: "0123456789abcdef",
        same_call_in: "r2",
        tool_calls: -1,
        tool_name: "search",
      }),
      ...inferred,
    ],
    "corrections",
  );
  await api.rows.insert(
    "run_corrections",
    [
      {
        tenant: "default",
        run_id: "r1",
        version: 1,
        received_time: at(0),
        steps: 3,
        llm_calls: -1,
        tool_calls: 2,
        tool_errors: 1,
        tool_outcome_missing: 1,
        input_tokens: -100,
        output_tokens: -5,
        cost_usd: "-0.2",
        tools: ["look_up"],
      },
    ],
    "run corrections",
  );
  const call = (n: number) => ({
    type: "tool_call",
    id: `c${n}`,
    name: "look_up",
    arguments: { n: n === 3 ? JSON.rawJSON(EXACT) : n },
  });
  const given = (response: unknown, more: object) => ({ type: "tool_call_response", response, ...more });
  const ofLookUp = (response: string) => given(response, { name: "look_up" });
  const asked = await writePack(
    api.objects,
    { response: JSON.stringify([{ role: "assistant", parts: [1, 2, 3].map(call) }]) },
    { history: [], added: [] },
  );
  const told = await writePack(
    api.objects,
    {},
    {
      history: [],
      added: [{ role: "tool", parts: [given(42, { id: "c1" }), ...["no such city", "more"].map(ofLookUp)] }],
    },
  );
  const records = [
    recordOf(inner, { payloads: asked, resource: { "service.name": "shop" } }),
    recordOf(next, { payloads: told }),
  ];
  await api.rows.insert("log_entries", await publishSmallLog(api.objects, records), "log");
});
afterAll(() => api.close());

const sums = { steps: 8, llm_calls: 2, input_tokens: 110, output_tokens: 6, cost_usd: "0.3" };

test("a run's sums are corrected, in lists and filters, alone, and grouped any way", async () => {
  const { tool_calls, ...detail } = runDetail.parse((await api.get("/v1/runs/r1")).body);
  expect(detail).toMatchObject({ ...sums, tool_call_count: 3, tools: ["look_up", "search"], complete: true });
  expect(detail).toMatchObject({ tool_errors: 1, tool_outcome_missing: 1 });
  expect(tool_calls.map(({ tool }) => tool)).toEqual(["look_up", "look_up", "look_up"]);
  expect(tool_calls.map(({ success, latency_ms }) => [success, latency_ms])).toEqual([
    [true, null],
    [null, null],
    [false, null],
  ]);
  for (const query of ["", "?tool=look_up", "?order=-cost_usd&min_cost_usd=0.3", "?q=look_up"]) {
    expect(runList.parse((await api.get(`/v1/runs${query}`)).body).items, query).toMatchObject([sums]);
  }
  expect(runList.parse((await api.get("/v1/runs?min_cost_usd=0.4")).body).items).toEqual([]);
});

test("usage is corrected, by run and by call", async () => {
  const since = `since=${at(-120_000)}&until=${at(60_000)}`;
  const asked = async (groups: string) =>
    usage.parse((await api.get(`/v1/usage?${since}&group_by=${groups}`)).body).items;
  expect(await asked("")).toMatchObject([
    { ...sums, tool_calls: 3, tool_outcome_missing: 1, tool_success_rate: 1 / 2 },
  ]);
  for (const groups of ["model", "agent,model"]) {
    expect(
      new Map(
        (await asked(groups)).map(({ group, llm_calls, input_tokens }) => [group["model"], [llm_calls, input_tokens]]),
      ),
    ).toEqual(
      new Map([
        ["gpt-other", [1, 100]],
        ["gpt-test-1", [1, 10]],
      ]),
    );
  }
  for (const groups of ["tool", "agent,tool"]) {
    const found = (await asked(groups)).map((row) => [
      row.group["tool"],
      [row.tool_calls, row.tool_outcome_missing, row.tool_success_rate],
    ]);
    expect(Object.fromEntries(found)).toEqual({ look_up: [3, 1, 1 / 2], search: [0, 0, null] });
  }
});

test("steps say whether they count, and inferred ones are among them", async () => {
  const { items } = stepList.parse((await api.get("/v1/runs/r1/steps")).body);
  expect(items.map(({ seq, name }) => [seq, name])).toEqual(
    ["root", "outer", "inner", "look_up", "look_up", "look_up", "next", "twin"].map((name, index) => [index + 1, name]),
  );
  expect(items[1]).toMatchObject({
    operation: "chat",
    llm: { counted: false, same_call_as: inner.step_id, same_call_in: null },
  });
  expect(items[2]).toMatchObject({ llm: { counted: true, same_call_as: null, context_window: 128_000 } });
  expect(items[3]).toMatchObject({
    kind: "tool",
    operation: "execute_tool",
    status: "ok",
    shown_by: inner.record_id,
    tool: { inferred: true, requested_by: inner.step_id, call_id: "c1", result_bytes: 2, counted: true },
  });
  expect(items[3]?.latency_ms).toBeNull();
  expect(items[4]).toMatchObject({ status: null, error: null, latency_ms: null, tool: { result_sha256: null } });
  expect(items[5]).toMatchObject({ status: "error", error: { type: "tool_error", message: null } });
  expect(items[7]).toMatchObject({
    shown_by: null,
    tool: { inferred: false, counted: false, same_call_as: "0123456789abcdef", same_call_in: "r2" },
  });
  const first = stepList.parse((await api.get("/v1/runs/r1/steps?limit=4")).body);
  const rest = stepList.parse((await api.get(`/v1/runs/r1/steps?limit=4&cursor=${first.next_cursor}`)).body);
  expect([...first.items, ...rest.items].map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("an inferred step shows its arguments and result out of the records that hold them", async () => {
  const { items } = stepList.parse((await api.get("/v1/runs/r1/steps")).body);
  const detailOf = async (index: number) =>
    stepDetail.parse(
      (await api.get(`/v1/runs/r1/steps/${items[index]?.step_id}?record_id=${items[index]?.record_id}`)).body,
    );
  expect(await detailOf(3)).toMatchObject({
    content: "available",
    log_index: 0,
    tool: { arguments: { n: 1 }, result: 42 },
    resource: { "service.name": "shop" },
  });
  expect(await detailOf(4)).toMatchObject({ content: "available", tool: { arguments: { n: 2 }, result: null } });
  const third = await api.app.inject({ url: `/v1/runs/r1/steps/${items[5]?.step_id}` });
  expect(third.body).toContain(`"arguments":{"n":${EXACT}}`);
  expect(third.body).toContain('"result":"no such city"');
});

test("a loop is seen in the calls of an agent that has no tool spans", async () => {
  const runs = await createRunSummaries(api.rows, () => api.clock.nowMs, queryApiSettings.parse({})).byId("default", [
    "r1",
  ]);
  const rules = new Map([
    [
      "loop.repeat",
      { rule: "loop.repeat", description: "", enabled: true, threshold: 3, unit: "calls", action: "none" },
    ],
  ] as const);
  const found = await detectLoops({ rows: api.rows, tenant: "default", runs, rules });
  expect(found).toMatchObject([{ value: 3, stepIds: [1, 2, 3].map((n) => sha256(`inferred ${n}`).slice(0, 16)) }]);
});
