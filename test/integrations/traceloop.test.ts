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
const NO_DETAILS: CallFact[] = ["cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "streaming"];

test("OpenAI's client: an agent with parallel tool calls, streams and responses; embeddings and failures leave no span", async () => {
  const toolCalls = [
    { name: "get_weather", arguments: { city: "Paris" } },
    { name: "get_time", arguments: { city: "Rome" } },
  ];
  const script = [
    { text: "Let me look.", toolCalls, usage },
    { text: "Fine.", usage },
    { text: "Still fine.", usage },
    { text: "Fine there too.", usage: { input: 1302, output: 22, cacheRead: 7 } },
    { status: 500, message: "overloaded" },
  ];
  const outcome = await integrations.run("traceloop/openai.mjs", { script });
  const unknown = ({ stream, api }: Exchange): CallFact[] => [
    ...NO_DETAILS,
    ...(stream ? (["input_tokens", "output_tokens"] as const) : []),
    ...(api === "responses" ? (["messages"] as const) : []), // the instructions are left out
  ];
  const exchanges = outcome.exchanges.filter(({ status, api }) => status === 200 && api !== "embeddings");
  expectModelCalls(outcome, { unknown, exchanges });
  expectToolCalls(outcome, (_name, given) => ({ result: { ...Object(given), celsius: 21 } }), { withoutIds: true });
  expect(outcome.run).toMatchObject({
    status: "completed",
    agent: { name: "weather" },
    session_id: "session-7",
    user_id: "user-3",
    llm_calls: 4,
    tool_call_count: 2,
    input_tokens: 2502,
    output_tokens: 102,
    cache_read_tokens: null,
    usage_missing: 2,
  });
  const [first] = llmSteps(outcome);
  expect(first?.llm).toMatchObject({
    provider: "openai",
    parameters: { temperature: 0.2 },
    system_prompt: [{ type: "text", content: "You tell the weather." }],
    messages: [{ role: "user", parts: [{ type: "text" }, { type: "uri", uri: "https://example.com/sky.png" }] }],
  });
  expect(JSON.stringify(first?.llm.tool_definitions)).toContain('"get_time"');
  await expectOnPage("openllmetry.md", "traceloop/openai.mjs", outcome);
});

test("Anthropic's client: cached tokens count as input, though the instrumentation leaves them out", async () => {
  const toolCalls = [
    { name: "get_weather", arguments: { city: "Paris" } },
    { name: "get_weather", arguments: { city: "Rome" } },
  ];
  const script = [
    {
      text: "Let me look.",
      reasoning: "Two cities.",
      toolCalls,
      usage: { input: 1200, output: 80, cacheRead: 500, cacheWrite: 100 },
    },
    { text: "Fine.", usage: { input: 1300, output: 20, cacheRead: 600 } },
    { status: 529, message: "overloaded" },
  ];
  const outcome = await integrations.run("traceloop/anthropic.mjs", { script });
  const seen = ofScope(outcome, "@traceloop/instrumentation-anthropic"); // not the client's own spans of the same calls
  const unknown = ({ stream }: Exchange): CallFact[] => [
    "response_id",
    "streaming",
    ...(stream ? (["finish_reasons"] as const) : []),
  ];
  expectModelCalls(seen, { unknown });
  expect(outcome.run).toMatchObject({
    status: "completed",
    agent: { name: "weather" },
    llm_calls: 3,
    input_tokens: 2500,
    cache_read_tokens: 1100,
    cache_write_tokens: 100,
  });
  const [first, , failed] = llmSteps(seen);
  expect(first?.llm).toMatchObject({
    provider: "anthropic",
    system_prompt: [{ type: "text", content: "You tell the weather." }],
    parameters: { max_tokens: 500 },
  });
  expect(failed?.error?.message).toContain("overloaded");
});
