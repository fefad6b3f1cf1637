import type { Usage } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Exchange } from "../support/fake-model-server.ts";
import { getJson } from "../support/product.ts";
import { expectCountedOnce } from "./counted-once.ts";
import { expectOnPage } from "./docs-page.ts";
import { type CallFact, expectModelCalls, llmSteps } from "./model-facts.ts";
import { type Integrations, startIntegrations } from "./run-scenario.ts";
import { expectToolCalls, type ToolResult } from "./tool-facts.ts";

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

const usage = { input: 120, output: 30, cacheRead: 40, reasoning: 12 };
const bothTools = [
  { name: "get_wardrobe", arguments: { city: "Paris" } },
  { name: "get_weather", arguments: { city: "Paris" } },
];

function toolResult(errorType: string) {
  return (name: string, given: unknown): ToolResult =>
    name === "get_weather"
      ? { result: { ...Object(given), degrees: 21 } }
      : { error: { type: errorType, message: "the wardrobe is locked" } };
}

/** Langfuse keeps one model name: of a stream the one asked, else the one that answered. */
function untold({ stream }: Exchange): CallFact[] {
  return ["response_id", "finish_reasons", stream ? "response_model" : "request_model"];
}

test("OpenAI's client within observeOpenAI: chats, streams and responses of an agent", async () => {
  const script = [
    { toolCalls: bothTools, usage },
    { text: "A hat.", usage },
    { text: "Again.", usage },
    { text: "Rome is warm.", usage },
    { status: 400, message: "no such thing" },
  ];
  const outcome = await integrations.run("langfuse/openai.mjs", { script });
  expectModelCalls(outcome, { unknown: untold });
  expectToolCalls(outcome, toolResult("error"));
  expect(outcome.runs).toHaveLength(1);
  expect(outcome.run).toMatchObject({
    status: "completed",
    agent: { name: "weather-agent", version: "1.2.0" },
    task_type: "clothing-advice",
    session_id: "session-1",
    user_id: "user-1",
    llm_calls: 5,
    input_tokens: 360,
    output_tokens: 90,
    cache_read_tokens: 120,
    reasoning_tokens: 36,
    usage_missing: 1, // the stream that was not asked to tell it
  });
  const calls = llmSteps(outcome);
  expect(calls[0]?.llm).toMatchObject({
    system_prompt: [{ type: "text", content: "You tell the weather." }],
    tool_definitions: [{ name: "get_wardrobe" }, { name: "get_weather" }],
    parameters: { temperature: 0.2 },
  });
  expect(calls[3]?.llm.system_prompt).toEqual([{ type: "text", content: "You tell the weather." }]);
  expect(calls.at(-1)?.error?.message).toContain("no such thing");
  await expectOnPage("langfuse.md", "langfuse/openai.mjs", outcome);
});

test("observations of all types, made by hand", async () => {
  const { run, steps } = await integrations.run("langfuse/observations.mjs", { script: [] });
  expect(run).toMatchObject({ status: "completed", task_type: "ticket", llm_calls: 2, guardrail_rejections: 1 });
  const named = Object.fromEntries(steps.map((step) => [step.name, step]));
  expect(Object.keys(named).sort()).toEqual(
    [
      "cache-miss",
      "claude-sonnet-4-5",
      "go-out",
      "handbook",
      "is-helpful",
      "look_outside",
      "no-insults",
      "no-secrets",
    ].concat("text-embedding-3-small"),
  );
  expect(named["no-insults"]).toMatchObject({ kind: "guardrail", error: { type: "error", message: "an insult" } });
  expect(named["no-secrets"]).toMatchObject({ kind: "guardrail", status: "ok" });
  expect(named["look_outside"]?.tool).toMatchObject({ inferred: true, call_id: "toolu_1", arguments: { window: 2 } });
  expect(named["go-out"]).toMatchObject({ kind: "other", error: { message: "too wet" } });
  expect(named["text-embedding-3-small"]?.llm).toMatchObject({ input_tokens: 8, output_tokens: null });
  // usage_details of Anthropic's shares: 10 fresh, 100 read, 20 written
  expect(named["claude-sonnet-4-5"]?.llm).toMatchObject({
    request_model: "claude-sonnet-4-5",
    input_tokens: 130,
    output_tokens: 5,
    cache_read_tokens: 100,
    cache_write_tokens: 20,
    messages: [{ role: "user", parts: [{ type: "text", content: "Rain?" }] }],
    response: [
      {
        role: "assistant",
        parts: [
          { type: "text", content: "I shall look." },
          { type: "tool_call", id: "toolu_1", name: "look_outside", arguments: { window: 2 } },
        ],
      },
    ],
  });
});

test("the AI SDK within an observation: its model calls count, and the run has Langfuse's facts", async () => {
  const script = [
    { toolCalls: bothTools, usage },
    { text: "A hat.", usage },
  ];
  const outcome = await integrations.run("langfuse/vercel-ai.mjs", { script });
  expectModelCalls(outcome);
  expectToolCalls(outcome, toolResult("TypeError"));
  expect(outcome.run).toMatchObject({
    agent: { name: "weather-agent" },
    task_type: "clothing-advice",
    session_id: "session-1",
    user_id: "user-1",
    llm_calls: 2,
    input_tokens: 240,
  });
});

test("beside OpenInference, each with a tracer provider of its own: every call counts once, though the answers' ids are not told", {
  timeout: 240_000,
}, async () => {
  const script = (request: Record<string, unknown>, number: number) => {
    const usage = { input: 1000 + number, output: 10 + number };
    const asked = JSON.stringify(request["messages"] ?? request["input"]);
    if (number === 0) return { text: "Let me look.", toolCalls: bothTools, usage };
    if (number === 1) return { toolCalls: bothTools.slice(0, 1), usage }; // parallel ones of a stream Langfuse makes one of
    // The same answer to the same question; the first of them is the slowest.
    const inBern = asked.includes("Bern");
    if (number > 2)
      return { text: inBern ? "Rain." : "Snow.", usage: { input: 50, output: 2 }, delayMs: 400 - number * 50 };
    return { text: `Fine ${number}.`, usage };
  };
  const outcome = await integrations.run("langfuse/beside-openinference.mjs", { script });
  expect(outcome.exchanges).toHaveLength(7);
  expect(outcome.runs).toHaveLength(14);
  expectCountedOnce(outcome);
  expect(outcome.runs.reduce((sum, { run }) => sum + run.tool_call_count, 0)).toBe(3);
  // No other scenario asks this model.
  const { items } = await getJson<Usage>(`${integrations.product.apiUrl}/v1/usage?group_by=model`);
  const [ofModel, ...others] = items.filter(({ group }) => group["model"]?.startsWith("gpt-4.1"));
  const known = (of: "input" | "output") => outcome.exchanges.reduce((sum, { usage }) => sum + (usage?.[of] ?? 0), 0);
  expect(others).toEqual([]);
  expect(ofModel).toMatchObject({ llm_calls: 7, input_tokens: known("input"), output_tokens: known("output") });
  const cost = outcome.runs.reduce((sum, { run }) => sum + Number(run.cost_usd ?? 0), 0);
  expect(Number(ofModel?.cost_usd)).toBeCloseTo(cost, 9);
});
