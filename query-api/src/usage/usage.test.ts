import { usage } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { at, llmRow, stepRow, toolRow } from "../testing/step-rows.ts";

let api: ApiUnderTest;
const HOUR_MS = 3_600_000;

beforeAll(async () => {
  api = await startApiUnderTest();
  api.clock.nowMs += 2 * HOUR_MS;
  await api.rows.insert(
    "steps",
    [
      ...run("a1", 0, { agent: "alpha", model: "small", status: "completed" }),
      ...run("a2", 1_000, { agent: "alpha", model: "large", status: "failed" }),
      ...run("b1", HOUR_MS, { agent: "beta", model: "small", status: "completed" }),
      // Foreign: only its root says who it is; no price, no usage.
      stepRow("f1", "root", {
        root: true,
        kind: "agent",
        agent_name: "foreign",
        start_time: at(2_000),
        end_time: at(3_000),
      }),
      llmRow("f1", "llm", { start_time: at(2_500), response_model: "small" }),
    ],
    "seed",
  );
});
afterAll(() => api.close());

function run(id: string, ms: number, { agent, model, status }: { agent: string; model: string; status: string }) {
  return [
    stepRow(id, "start", { event: "run_start", agent_name: agent, user_id: `user of ${agent}`, start_time: at(ms) }),
    llmRow(id, "llm", {
      start_time: at(ms + 1),
      response_model: model,
      input_tokens: 10,
      output_tokens: 1,
      cost_usd: "0.000000001",
      latency_ms: 100,
    }),
    toolRow(id, "tool", { start_time: at(ms + 2), status: status === "failed" ? "error" : "ok" }),
    stepRow(id, "guard", { kind: "guardrail", start_time: at(ms + 3), status: status === "failed" ? "error" : "ok" }),
    stepRow(id, "end", { event: "run_end", end_status: status, start_time: at(ms + 10), end_time: at(ms + 10) }),
  ];
}

async function rowsOf(query: string) {
  const { status, body } = await api.get(`/v1/usage?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return usage.parse(body).items;
}

test("everything at once is one row, exact, the unknown counted", async () => {
  expect(await rowsOf("")).toMatchObject([
    {
      group: {},
      runs: 4,
      success_rate: 0.75,
      steps: 11,
      steps_p50: 3,
      llm_calls: 4,
      tool_calls: 3,
      input_tokens: 30,
      output_tokens: 3,
      reasoning_tokens: null,
      usage_missing: 1,
      input_missing: 1,
      output_missing: 1,
      cost_usd: "0.000000003",
      cost_missing: 1,
      tool_success_rate: 2 / 3,
      guardrail_rejection_rate: 1 / 3,
    },
  ]);
});

test("by agent, as the run knows it", async () => {
  const rows = await rowsOf("group_by=agent");
  expect(rows.map((row) => [row.group["agent"], row.runs, row.success_rate, row.cost_usd])).toEqual(
    expect.arrayContaining([
      ["alpha", 2, 0.5, "0.000000002"],
      ["beta", 1, 1, "0.000000001"],
      ["foreign", 1, 1, null],
    ]),
  );
});

test("by model, tokens are those of its calls and runs those that called it", async () => {
  const rows = await rowsOf("group_by=model");
  expect(rows).toMatchObject([
    {
      group: { model: "small" },
      runs: 3,
      llm_calls: 3,
      steps: 3,
      input_tokens: 20,
      usage_missing: 1,
      input_missing: 1,
      output_missing: 1,
      cost_usd: "0.000000002",
      cost_missing: 1,
      tool_calls: 0,
      tool_success_rate: null,
    },
    { group: { model: "large" }, runs: 1, success_rate: 0, llm_calls: 1, input_tokens: 10 },
  ]);
});

test("by agent and model together, and by tool and hour", async () => {
  const rows = await rowsOf("group_by=agent,model");
  expect(rows.find((row) => row.group["agent"] === "foreign")).toMatchObject({
    group: { model: "small" },
    llm_calls: 1,
    usage_missing: 1,
    input_tokens: null,
  });
  expect(rows.find((row) => row.group["model"] === "large")).toMatchObject({
    group: { agent: "alpha" },
    input_tokens: 10,
  });
  const byTool = await rowsOf("group_by=tool,hour");
  expect(byTool.map((row) => [row.group["tool"], row.group["hour"], row.tool_calls, row.tool_success_rate])).toEqual([
    ["search", "2026-01-02T03:00:00Z", 2, 0.5],
    ["search", "2026-01-02T04:00:00Z", 1, 1],
  ]);
});

test("what was only asked for is no success, and has no latency", async () => {
  const since = 5 * HOUR_MS - 5_000; // a whole minute
  const seen = (key: string, facts: object) => toolRow("s1", key, { start_time: at(since), agent_name: "s", ...facts });
  const inferred = { tool_name: "asked", tool_inferred: true, latency_ms: 90_000 };
  await api.rows.insert(
    "steps",
    [
      seen("1", inferred),
      seen("2", { ...inferred, result_sha256: "a" }),
      seen("3", { ...inferred, tool_name: "never" }),
      seen("4", { latency_ms: 20 }),
      seen("5", { ...inferred, tool_name: "unheard of", status: "error" }),
    ],
    "asked",
  );
  const when = `since=${at(since)}&until=${at(since + 60_000)}`;
  expect(await rowsOf(when)).toMatchObject([{ tool_calls: 5, tool_outcome_missing: 2, tool_success_rate: 2 / 3 }]);
  for (const groups of ["tool", "agent,tool"]) {
    const found = (await rowsOf(`group_by=${groups}&${when}`)).map((row) => [
      row.group["tool"],
      [row.tool_calls, row.tool_outcome_missing, row.tool_success_rate, row.latency_p95_ms],
    ]);
    expect(Object.fromEntries(found), groups).toEqual({
      asked: [2, 1, 1, null],
      never: [1, 1, null, null],
      search: [1, 0, 1, 20],
      "unheard of": [1, 0, 0, null],
    });
  }
});

test("a period without runs has one row of nothing, and no rate", async () => {
  expect(await rowsOf("since=2025-01-01T00:00:00Z&until=2025-01-02T00:00:00Z")).toMatchObject([
    {
      runs: 0,
      success_rate: null,
      steps: 0,
      steps_mean: null,
      steps_p95: null,
      latency_p95_ms: null,
      input_tokens: null,
      cost_usd: null,
    },
  ]);
});

test.each([
  ["group_by=colour", "group_by"],
  ["group_by=agent,agent", "group_by"],
  ["since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since"],
  ["until=soon", "until"],
])("%s is a 400 that names %s", async (query, field) => {
  const { status, body } = await api.get(`/v1/usage?${query}`);
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: { details: [{ field }] } });
});
