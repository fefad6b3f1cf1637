import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectCountedOnce } from "./counted-once.ts";
import { expectOnPage } from "./docs-page.ts";
import { type CallFact, expectModelCalls, llmSteps } from "./model-facts.ts";
import { type Integrations, type Outcome, startIntegrations } from "./run-scenario.ts";
import { toolSteps } from "./tool-facts.ts";

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

const script = [
  {
    text: "Let me look.",
    toolCalls: [
      { name: "get_time", arguments: { city: "Rome" } },
      { name: "get_weather", arguments: { city: "Paris" } },
    ],
    usage: { input: 1200, output: 80, cacheRead: 1024, reasoning: 32 },
  },
  { text: "Fine in Paris.", usage: { input: 1300, output: 20 } },
];
const TOTALS = { llm_calls: 2, tool_call_count: 2, tool_errors: 1, input_tokens: 2500, output_tokens: 100 };

describe("LangGraph with OpenInference", () => {
  test("an agent with parallel tool calls, one of which fails", async () => {
    const outcome = await integrations.run("langgraph/openinference.mjs", { script });
    expectModelCalls(outcome);
    expectRun(outcome);
    expect(outcome.run).toMatchObject({ dialect: "openinference", session_id: "session-7", user_id: "user-3" });
    expectContent(outcome);
    await expectOnPage("langgraph.md", "langgraph/openinference.mjs", outcome);
  });

  test("the same, streamed", async () => {
    const outcome = await integrations.run("langgraph/openinference-streaming.mjs", { script });
    expectModelCalls(outcome);
    expectRun(outcome);
    expectContent(outcome);
  });

  test("a model call that failed", async () => {
    const outcome = await integrations.run("langgraph/openinference-failing.mjs", {
      script: [...script.slice(0, 1), { status: 500, message: "overloaded" }],
    });
    expectModelCalls(outcome);
    expect(outcome.run).toMatchObject({ status: "failed", llm_calls: 2, input_tokens: 1200, tool_call_count: 2 });
    expect(llmSteps(outcome)[1]?.error?.message).toContain("overloaded");
  });

  test.each(["", "-streaming"])("with OpenAI's client instrumented too, each call counts once%s", async (streaming) => {
    const outcome = await integrations.run(`langgraph/openinference-twice${streaming}.mjs`, { script });
    expectRun(outcome);
  });

  function expectContent(outcome: Outcome): void {
    const [first, second] = llmSteps(outcome);
    expect(first?.llm).toMatchObject({
      provider: "openai",
      system_prompt: [{ type: "text", content: "You tell the weather." }],
      tool_definitions: [{ name: "get_weather" }, { name: "get_time" }],
      parameters: { temperature: 0.2 },
    });
    const [rome, paris] = outcome.exchanges[0]?.toolCalls ?? [];
    expect(second?.llm.messages?.slice(2)).toMatchObject([
      { role: "tool", parts: [{ type: "tool_call_response", id: rome?.id }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: paris?.id, response: "21 degrees in Paris" }] },
    ]);
    // arguments of one text lose their name in this package, and a tool that fails has no id
    const weather = toolSteps(outcome).find(({ name }) => name === "get_weather");
    expect(weather?.tool).toMatchObject({ call_id: paris?.id, arguments: "Paris", result: "21 degrees in Paris" });
    const time = toolSteps(outcome).find(({ name }) => name === "get_time");
    expect(time?.error?.message).toContain("the clock stands still");
  }
});

describe("LangGraph with OpenLLMetry", () => {
  const UNTOLD: CallFact[] = [
    "response_id",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "streaming",
    "response",
  ];

  test("an agent with parallel tool calls, one of which fails: the calls it asked for are not told", async () => {
    const outcome = await integrations.run("langgraph/traceloop.mjs", { script });
    // it names the model asked as the one that answered, where it does not know
    const exchanges = outcome.exchanges.map((call) => ({ ...call, responseModel: "gpt-4o" }));
    expectModelCalls(outcome, { unknown: UNTOLD, exchanges });
    expectRun(outcome);
    expect(outcome.run).toMatchObject({ session_id: "session-7", cache_read_tokens: null });
    const [first] = llmSteps(outcome);
    expect(first?.llm.response).toMatchObject([
      { role: "assistant", parts: [{ type: "text", content: "Let me look." }], finish_reason: "tool_call" },
    ]);
    const [, paris] = outcome.exchanges[0]?.toolCalls ?? [];
    const steps = toolSteps(outcome);
    expect(steps.find(({ name }) => name === "get_weather")?.tool).toMatchObject({
      call_id: paris?.id,
      arguments: { city: "Paris" },
      result: "21 degrees in Paris",
    });
    expect(steps.find(({ name }) => name === "DynamicStructuredTool")).toMatchObject({
      error: { message: "the clock stands still" },
      tool: { call_id: null, arguments: { city: "Rome" } },
    });
    // chains are beside what is in them, and begin in the same millisecond or not
    const withoutChains = outcome.runs.map((seen) => ({
      ...seen,
      steps: seen.steps.filter(({ kind }) => kind !== "other"),
    }));
    await expectOnPage("langgraph.md", "langgraph/traceloop.mjs", { ...outcome, runs: withoutChains });
  });

  test("with OpenAI's client instrumented too, each call counts once", async () => {
    const outcome = await integrations.run("langgraph/traceloop-twice.mjs", { script });
    expectRun(outcome);
  });

  test("with OpenAI's client instrumented by a provider of its own, each call counts once", {
    timeout: 240_000,
  }, async () => {
    const outcome = await integrations.run("langgraph/traceloop-apart.mjs", { script });
    expect(outcome.runs.length).toBeGreaterThan(4);
    expectCountedOnce(outcome);
  });
});

/** Chains around the calls never count, nor does a call that two instrumentations tell of. */
function expectRun(outcome: Outcome): void {
  expect(outcome.runs).toHaveLength(1);
  expect(outcome.run).toMatchObject({ ...TOTALS, status: "completed", agent: { name: "weather" } });
}
