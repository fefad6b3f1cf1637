import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryDir } from "../support/product.ts";
import { expectOnPage } from "./docs-page.ts";
import { expectModelCalls, llmSteps } from "./model-facts.ts";
import { pythonEnvironment } from "./python-environment.ts";
import { type Integrations, startIntegrations } from "./run-scenario.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let integrations: Integrations;
beforeAll(async () => {
  home = await temporaryDir("python");
  integrations = await startIntegrations();
});
afterAll(async () => {
  await integrations.close();
  await home.remove();
});

test("an agent in Python, with OpenTelemetry's packages, is told in full", async ({ skip }) => {
  const environment = await pythonEnvironment(home.dir);
  if ("missing" in environment) return skip(`not run: ${environment.missing}`);
  const outcome = await integrations.run("python/agent.py", {
    command: [environment.python],
    script: [
      {
        toolCalls: [
          { name: "forecast", arguments: { city: "Oslo" } },
          { name: "forecast", arguments: { city: "Bergen" } },
        ],
        usage: { input: 120, output: 30, cacheRead: 64, reasoning: 12 },
      },
      { text: "In Oslo and Bergen.", usage: { input: 180, output: 9 } },
      { status: 400, message: "no messages" },
    ],
  });
  // What is embedded is not told.
  expectModelCalls(outcome, { unknown: ({ api }) => (api === "embeddings" ? ["messages"] : []) });
  expect(outcome.run).toMatchObject({
    status: "completed",
    agent: { name: "weather" },
    dialect: "otel-genai",
    tool_call_count: 2,
    tools: ["forecast"],
  });
  const asked = outcome.exchanges[0]?.toolCalls.map(({ id }) => id);
  expect(outcome.steps.flatMap(({ tool }) => (tool === null ? [] : [tool.call_id]))).toEqual(asked);
  expect(llmSteps(outcome).filter(({ status }) => status === "error")).toMatchObject([
    { error: { type: "openai.BadRequestError" } },
  ]);
  await expectOnPage("python.md", "python/agent.py", outcome);
});
