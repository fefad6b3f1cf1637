import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Turn } from "../support/fake-model-server.ts";
import { expectOnPage } from "./docs-page.ts";
import { type CallFact, expectModelCalls, llmSteps } from "./model-facts.ts";
import { type Integrations, type Outcome, startIntegrations } from "./run-scenario.ts";
import { expectToolCalls, type ToolResult } from "./tool-facts.ts";

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

const usage = { input: 120, output: 30, cacheRead: 40, reasoning: 12 };
const bothTools = (city: string) => [
  { name: "get_wardrobe", arguments: { city } },
  { name: "get_weather", arguments: { city } },
];
/** Two runs, the second streamed: two tools at once, one of which fails, and the answer. */
const AGENT: Turn[] = [
  { toolCalls: bothTools("Paris"), usage },
  { text: "Nothing warm.", usage },
  { toolCalls: bothTools("Rome"), usage },
  { text: "A hat.", usage },
];
const OPERATIONS: Turn[] = [
  { text: '{"city":"Paris"}', usage },
  { text: '{"city":"Rome"}', usage },
  { status: 500, retryAfterMs: 1 },
  { text: "Second time.", usage },
  { status: 400, message: "no such thing" },
  { text: "This breaks off before it ends", breakAfterChunks: 3 },
];

function toolResult(name: string, given: unknown): ToolResult {
  return name === "get_weather"
    ? { result: { ...Object(given), degrees: 21 } }
    : { error: { type: "TypeError", message: "the wardrobe is locked" } };
}

function expectWeatherAgent(outcome: Outcome): void {
  expectToolCalls(outcome, toolResult);
  expect(outcome.runs).toHaveLength(2);
  for (const { run } of outcome.runs) {
    expect(run).toMatchObject({ status: "completed", llm_calls: 2, tool_call_count: 2, tool_errors: 1 });
    expect(run).toMatchObject({ input_tokens: 240, output_tokens: 60, usage_missing: 0 });
    expect(run).toMatchObject({ agent: { name: "weather-agent" }, session_id: "session-1", user_id: "user-1" });
  }
  for (const { llm } of llmSteps(outcome)) {
    expect(llm).toMatchObject({
      provider: "openai",
      system_prompt: [{ type: "text", content: "You tell the weather." }],
    });
    expect(llm.tool_definitions).toMatchObject([{ name: "get_wardrobe" }, { name: "get_weather" }]);
  }
}

/** The run of the function id `name`, or of the n-th operation where the package does not send one. */
function runOf(outcome: Outcome, name: string) {
  const found = outcome.runs.find(({ run }) => run.agent.name === name);
  if (found === undefined) throw new Error(`no run of ${name}`);
  return found;
}

/** What no version tells of an embedding. */
const EMBEDDING: CallFact[] = ["response_model", "finish_reasons"];
const PARTS: CallFact[] = ["cache_read_tokens", "reasoning_tokens"];

describe("version 5", () => {
  test("an agent and its stream; parts of the tokens only from the stream", async () => {
    const outcome = await integrations.run("vercel-ai/v5.mjs", { script: AGENT });
    expectModelCalls(outcome, { unknown: ({ stream }) => (stream ? [] : PARTS) });
    expectWeatherAgent(outcome);
  });

  test("objects, embeddings, tries and failures, each counted once", async () => {
    const outcome = await integrations.run("vercel-ai/v5-operations.mjs", { script: OPERATIONS });
    expectOperations(outcome, ({ stream }) => (stream ? [] : PARTS));
    expectEachTry(outcome);
    expect(outcome.runs.map(({ run }) => run.agent.name)).not.toContain("broken"); // its spans are never ended
  });
});

describe("version 6", () => {
  test("an agent and its stream", async () => {
    const outcome = await integrations.run("vercel-ai/v6.mjs", { script: AGENT });
    expectModelCalls(outcome);
    expectWeatherAgent(outcome);
    await expectOnPage("vercel-ai-sdk.md", "vercel-ai/v6.mjs", outcome);
  });

  test("objects, embeddings, tries, failures and ranking, each counted once", async () => {
    const outcome = await integrations.run("vercel-ai/v6-operations.mjs", { script: OPERATIONS });
    expectOperations(outcome, ({ stream, request }) => (!stream && "response_format" in request ? PARTS : []));
    expectEachTry(outcome);
    expect(runOf(outcome, "rerank").steps).toMatchObject([{ kind: "other", name: "ai.rerank.doRerank" }]);
  });
});

describe("version 7", () => {
  test("an agent and its stream by the GenAI conventions", async () => {
    const outcome = await integrations.run("vercel-ai/v7.mjs", { script: AGENT });
    expectModelCalls(outcome);
    expectWeatherAgent(outcome);
    await expectOnPage("vercel-ai-sdk.md", "vercel-ai/v7.mjs", outcome);
  });

  test("everything else by the conventions alone: reasoning is not told, and tries are one call", async () => {
    const outcome = await integrations.run("vercel-ai/v7-plain.mjs", { script: OPERATIONS });
    // whether an object was streamed, and what was embedded, is not told
    expectOperations(outcome, ({ api, request }) => {
      if (api === "embeddings") return ["messages"];
      return "response_format" in request ? ["streaming", "reasoning_tokens"] : ["reasoning_tokens"];
    });
    expect(runOf(outcome, "retry").run).toMatchObject({ llm_calls: 1, status: "completed" });
    expect(runOf(outcome, "broken").run).toMatchObject({ llm_calls: 1, status: "failed", input_tokens: null });
  });

  test("everything in the older form", async () => {
    const outcome = await integrations.run("vercel-ai/v7-legacy.mjs", { script: [...AGENT, ...OPERATIONS] });
    expectOperations(outcome, () => []);
    expectWeatherAgent({
      ...outcome,
      runs: outcome.runs.filter(({ run }) => run.agent.name === "weather-agent"),
      exchanges: outcome.exchanges.slice(0, 4),
    });
    expect(runOf(outcome, "broken").run).toMatchObject({ llm_calls: 1, status: "failed", input_tokens: null });
    expect(runOf(outcome, "rerank").steps).toMatchObject([{ kind: "other", name: "ai.rerank.doRerank" }]);
  });
});

function expectOperations(outcome: Outcome, unknown: (exchange: Outcome["exchanges"][number]) => CallFact[]): void {
  const done = outcome.exchanges.filter(({ status, request }) => status === 200 && !isBroken(request));
  expectModelCalls(outcome, {
    exchanges: done,
    unknown: (exchange) => (exchange.api === "embeddings" ? [...EMBEDDING, ...unknown(exchange)] : unknown(exchange)),
  });
  expect(runOf(outcome, "object").run).toMatchObject({ status: "completed", llm_calls: 1, input_tokens: 120 });
  expect(runOf(outcome, "stream-object").run).toMatchObject({ status: "completed", llm_calls: 1, input_tokens: 120 });
  const { run, steps } = runOf(outcome, "fail");
  expect(run).toMatchObject({ status: "failed", llm_calls: 1, input_tokens: null });
  expect(steps.find(({ llm }) => llm !== null)?.error).toEqual({ type: "AI_APICallError", message: "no such thing" });
}

function isBroken(request: Record<string, unknown>): boolean {
  return JSON.stringify(request).includes("Break off");
}

/** Versions 5 and 6 have a span for each try of the client. */
function expectEachTry(outcome: Outcome): void {
  const { run, steps } = runOf(outcome, "retry");
  expect(run).toMatchObject({ status: "completed", llm_calls: 2, input_tokens: 120, output_tokens: 30 });
  expect(steps.map(({ status }) => status)).toEqual(["error", "ok"]);
}
