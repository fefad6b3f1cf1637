import { afterAll, beforeAll, expect, test } from "vitest";
import type { Exchange } from "../support/fake-model-server.ts";
import { expectOnPage } from "./docs-page.ts";
import { type CallFact, expectModelCalls, llmSteps } from "./model-facts.ts";
import { ofScope } from "./one-scope.ts";
import { type Integrations, startIntegrations } from "./run-scenario.ts";
import { expectToolCalls } from "./tool-facts.ts";

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

const usage = { input: 1200, output: 80, cacheRead: 1024, reasoning: 32 };
const inBothCities = [
  { name: "get_weather", arguments: { city: "Paris" } },
  { name: "get_weather", arguments: { city: "Rome" } },
];
const twoTools = [
  { name: "get_weather", arguments: { city: "Paris" } },
  { name: "get_time", arguments: { city: "Rome" } },
];
const system = [{ type: "text", content: "You tell the weather." }];
const TOKENS: CallFact[] = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
];

test("OpenAI's client: an agent with parallel tool calls, and embeddings, whose usage is not told", async () => {
  const script = [
    { text: "Let me look.", toolCalls: inBothCities, usage },
    { text: "Fine in both.", usage: { input: 1300, output: 20 } },
  ];
  const outcome = await integrations.run("openinference/openai.mjs", { script });
  const unknown = ({ api }: Exchange): CallFact[] => (api === "embeddings" ? [...TOKENS, "response_model"] : []);
  expectModelCalls(outcome, { unknown });
  expectToolCalls(outcome, (_name, given) => ({ result: { ...Object(given), celsius: 21 } }), { withoutIds: true });
  expect(outcome.runs).toHaveLength(1);
  expect(outcome.run).toMatchObject({
    dialect: "openinference",
    status: "completed",
    agent: { name: "weather" },
    session_id: "session-7",
    user_id: "user-3",
    llm_calls: 3,
    tool_call_count: 2,
    input_tokens: 2500,
    output_tokens: 100,
    cache_read_tokens: 1024,
    reasoning_tokens: 32,
    usage_missing: 1,
  });
  const [first, second] = llmSteps(outcome);
  expect(first?.llm).toMatchObject({
    provider: "openai",
    system_prompt: system,
    tool_definitions: [
      { type: "function", name: "get_weather", parameters: { properties: { city: { type: "string" } } } },
    ],
    parameters: { temperature: 0.2 },
    messages: [
      {
        role: "user",
        parts: [{ type: "text" }, { type: "uri", modality: "image", uri: "https://example.com/sky.png" }],
      },
    ],
  });
  const results = outcome.exchanges[0]?.toolCalls.map(({ id, arguments: given }) => ({
    role: "tool",
    parts: [{ type: "tool_call_response", id, response: JSON.stringify({ ...Object(given), celsius: 21 }) }],
  }));
  expect(second?.llm.messages?.slice(2)).toEqual(results);
  expect(first?.attributes).toMatchObject({ metadata: '{"plan":"pro"}', "tag.tags": '["weather","test"]' });
  await expectOnPage("openinference.md", "openinference/openai.mjs", outcome);
});

test("OpenAI's client, streamed: chats say neither tokens nor id, responses say all; a call that failed leaves no span", async () => {
  const script = [
    { toolCalls: twoTools, usage },
    { text: "Fine.", usage },
    { toolCalls: twoTools, reasoning: "Hm.", usage },
    { text: "Fine there too.", usage },
    { status: 500, message: "overloaded" },
  ];
  const outcome = await integrations.run("openinference/openai-streaming.mjs", { script });
  const unknown = ({ api, stream }: Exchange): CallFact[] =>
    api === "chat.completions" && stream ? [...TOKENS, "response_id", "response_model"] : [];
  expectModelCalls(outcome, { unknown });
  expect(outcome.run).toMatchObject({ status: "completed", llm_calls: 4, usage_missing: 2, input_tokens: 2400 });
  const calls = llmSteps(outcome);
  expect(calls.map(({ llm }) => llm.streaming)).toEqual([true, true, true, false]);
  expect(calls[2]?.llm.system_prompt).toEqual([{ type: "text", content: "Be brief." }]);
  expect(calls[2]?.llm.response).toMatchObject([{ parts: [{ type: "reasoning", content: "Hm." }, {}, {}] }]);
});

test("Anthropic's client: cached tokens, streamed and not, all results of parallel calls, and a call that failed", async () => {
  const cached = { input: 1200, output: 80, cacheRead: 1000, cacheWrite: 100 };
  const script = [
    { text: "Let me look.", reasoning: "Two cities.", toolCalls: inBothCities, usage: cached },
    {
      text: "Fine.",
      toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }],
      usage: { input: 1300, output: 20, cacheRead: 1100 },
    },
    { status: 529, message: "overloaded" },
  ];
  const outcome = await integrations.run("openinference/anthropic.mjs", { script });
  const seen = ofScope(outcome, "@arizeai/openinference-instrumentation-anthropic"); // not the client's own spans of the same calls
  expectModelCalls(seen, { unknown: ({ stream }) => (stream ? ["response_id"] : []) });
  expect(outcome.run).toMatchObject({
    llm_calls: 3,
    input_tokens: 2500,
    cache_read_tokens: 2100,
    cache_write_tokens: 100,
  });
  const [first, second, failed] = llmSteps(seen);
  expect(first?.llm).toMatchObject({ provider: "anthropic", system_prompt: system, parameters: { max_tokens: 500 } });
  expect(first?.llm.tool_definitions).toMatchObject([{ type: "function", name: "get_weather", parameters: {} }]);
  const [paris, rome] = outcome.exchanges[0]?.toolCalls ?? [];
  expect(second?.llm.messages?.at(-1)).toEqual({
    role: "user",
    parts: [
      { type: "tool_call_response", id: paris?.id, response: "21 degrees in Paris" },
      { type: "tool_call_response", id: rome?.id, response: "21 degrees in Rome" },
    ],
  });
  expect(failed?.error?.message).toContain("overloaded");
});

test("beside OpenLLMetry, each with a tracer provider and traces of its own: every call counts in one run", async () => {
  const script = [
    { text: "Let me look.", toolCalls: inBothCities, usage },
    { text: "Fine in Paris.", usage: { input: 1300, output: 20 } },
  ];
  const { runs } = await integrations.run("openinference/beside-openllmetry.mjs", { script });
  expect(runs).toHaveLength(4);
  const sum = (of: (run: (typeof runs)[number]["run"]) => number | null) =>
    runs.reduce((total, { run }) => total + (of(run) ?? 0), 0);
  expect([sum((run) => run.llm_calls), sum((run) => run.input_tokens), sum((run) => run.output_tokens)]).toEqual([
    2, 2500, 100,
  ]);
  expect(sum((run) => run.tool_call_count)).toBe(2);
  const calls = runs.flatMap(({ run, steps }) =>
    steps.filter(({ kind }) => kind === "llm").map((step) => ({ ...step, run_id: run.run_id })),
  );
  const same = calls.filter(({ llm }) => llm?.same_call_as !== null);
  expect(same).toHaveLength(2);
  for (const { llm } of same) {
    const counted = calls.find(({ step_id, run_id }) => step_id === llm?.same_call_as && run_id === llm.same_call_in);
    expect(counted?.llm).toMatchObject({ counted: true, response_id: llm?.response_id });
  }
  expect(runs.filter(({ run }) => run.llm_calls === 0).map(({ run }) => run.cost_usd)).toEqual([null, null]);
});
