import { afterAll, beforeAll, expect, test } from "vitest";
import { expectOnPage } from "./docs-page.ts";
import { expectModelCalls, llmSteps } from "./model-facts.ts";
import { type Integrations, startIntegrations } from "./run-scenario.ts";
import { expectToolCalls } from "./tool-facts.ts";

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

test("an agent, its stream and its failure; what went into a model call is not told", async () => {
  const script = [
    { toolCalls: bothTools("Paris"), usage },
    { text: "Nothing warm.", usage },
    { toolCalls: bothTools("Rome"), usage },
    { text: "A hat.", usage },
    { status: 400, message: "no such thing" },
  ];
  const outcome = await integrations.run("mastra/agent.mjs", { script });
  expectModelCalls(outcome, { unknown: ["response_id", "streaming", "messages", "response"] });
  expectToolCalls(outcome, (name, given) =>
    name === "get_weather"
      ? { result: { ...Object(given), degrees: 21 } }
      : { error: { type: "unknown", message: "the wardrobe is locked" } },
  );
  expect(outcome.runs.map(({ run }) => run.status)).toEqual(["completed", "completed", "failed"]);
  for (const { run } of outcome.runs)
    expect(run).toMatchObject({ agent: { name: "weather-agent" }, session_id: "session-1", user_id: "user-1" });
  expect(outcome.run).toMatchObject({ llm_calls: 2, input_tokens: 240, output_tokens: 60, tool_errors: 1 });
  expect(outcome.runs[2]?.run).toMatchObject({ llm_calls: 1, input_tokens: null, error: { message: "no such thing" } });
  const calls = llmSteps(outcome).map(({ llm, status }) => ({
    status,
    messages: llm.messages,
    response: llm.response,
  }));
  const said = (content: string) => [{ role: "assistant", parts: [{ type: "text", content }] }];
  expect(calls).toEqual([
    { status: "ok", messages: null, response: null },
    { status: "ok", messages: null, response: said("Nothing warm.") },
    { status: "ok", messages: null, response: null },
    { status: "ok", messages: null, response: said("A hat.") },
    { status: "error", messages: null, response: null },
  ]);
  await expectOnPage("mastra.md", "mastra/agent.mjs", outcome);
});

test("a workflow is a run, and its steps are steps", async () => {
  const { run, steps } = await integrations.run("mastra/workflow.mjs", { script: [] });
  expect(run).toMatchObject({ status: "completed", llm_calls: 0 });
  expect(steps).toMatchObject([{ kind: "other", name: "workflow_step in-fahrenheit", status: "ok" }]);
});
