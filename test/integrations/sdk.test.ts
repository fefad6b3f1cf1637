import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Turn } from "../support/fake-model-server.ts";
import { expectCountedOnce } from "./counted-once.ts";
import { expectOnPage } from "./docs-page.ts";
import { expectModelCalls, llmSteps } from "./model-facts.ts";
import { type Integrations, linesToAdd, startIntegrations } from "./run-scenario.ts";

// Agents written with other people's packages, unmodified, and one wrapper around each: the examples of docs/integrations/runledger-sdk.md.

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

const ASK: Turn = { toolCalls: [{ name: "find_order", arguments: { order: "A-1" } }] };
const ANSWER: Turn = { text: "It has shipped.", usage: { input: 210, output: 20, cacheRead: 128 } };
const TRANSLATED: Turn = { text: "Den er sendt." };

test.each([
  ["openai", [ASK, ANSWER, TRANSLATED], "Den er sendt."],
  ["anthropic", [ASK, ANSWER], "It has shipped."],
  ["ai", [ASK, ANSWER, TRANSLATED], "Den er sendt."],
  ["langgraph", [ASK, ANSWER], "It has shipped."],
  ["openai-agents", [ASK, ANSWER], "It has shipped."],
  ["mastra", [ASK, ANSWER], "It has shipped."],
])(
  "an agent with %s: every model call with its facts, the tool between them, and all of it replayed",
  async (name, script, answer) => {
    const environment = { EXAMPLE: name, CALLS: String(script.length) };
    const outcome = await integrations.run("sdk/replayed.mjs", { script, environment });
    expect(outcome.stdout).toContain(answer);
    expect(outcome.stdout).toContain(`replay ${JSON.stringify({ verdict: "reproduced", result: answer })}`);
    expect(outcome.runs).toHaveLength(2);
    expect(outcome.exchanges).toHaveLength(script.length); // the replay asked nobody
    expect(outcome.runs[1]?.run).toMatchObject({ status: "completed", llm_calls: script.length });
    expect(outcome.run).toMatchObject({
      status: "completed",
      complete: true,
      dialect: "runledger",
      agent: { name: "support" },
      llm_calls: script.length,
      tools: ["find_order"],
      tool_errors: 0,
    });
    expectModelCalls({ ...outcome, runs: outcome.runs.slice(0, 1) });
    const tool = outcome.steps.find(({ kind }) => kind === "tool")?.tool;
    expect(tool).toMatchObject({ name: "find_order", arguments: { order: "A-1" }, known: true, valid: true });
  },
);

test("a limit stops each framework's agent with its reason, whatever the framework makes of a refused call and however often it tries again", async () => {
  const outcome = await integrations.run("sdk/limited.mjs", { script: () => ASK });
  for (const name of ["ai", "ai-stream", "langgraph", "openai-agents", "mastra"]) {
    expect(outcome.stdout).toContain(`${name}: limit steps: 2 of 2`);
    const found = outcome.runs.find(({ run }) => run.agent?.name === name)?.run;
    expect(found).toMatchObject({ status: "stopped", reason: "limit steps: 2 of 2", complete: true });
    expect(found?.llm_calls).toBeLessThanOrEqual(2);
  }
});

test("a client that tries again is seen to: each attempt is a step, the failed one too", async () => {
  const outcome = await integrations.run("sdk/openai.mjs", {
    script: [{ status: 500, message: "overloaded", retryAfterMs: 1 }, ASK, ANSWER, TRANSLATED],
  });
  expectModelCalls(outcome);
  const calls = llmSteps(outcome);
  expect(calls).toHaveLength(4);
  expect(calls[0]).toMatchObject({ status: "error", error: { type: "500" } });
  await expectOnPage("runledger-sdk.md", "sdk/openai.mjs", outcome);
});

test("beside another OpenTelemetry set-up that sends here too, each call counts once and its context stays", async () => {
  const outcome = await integrations.run("sdk/beside-opentelemetry.mjs", { script: [ANSWER, ANSWER] });
  expect(outcome.stdout).toContain("the server's span is still the active one");
  const run = outcome.runs.find((one) => one.run.agent?.name === "support");
  const told = run?.steps.filter(({ kind }) => kind === "llm") ?? [];
  expect(told.length).toBeGreaterThan(2);
  expect(run?.run).toMatchObject({ llm_calls: 2, input_tokens: 420, output_tokens: 40 });
  expect(outcome.runs.reduce((sum, one) => sum + one.run.llm_calls, 0)).toBe(2);
});

test("beside Langfuse, which tells no ids: each call counts in our run, one that failed too", async () => {
  const toolCalls = ["find_order", "find_user"].map((name) => ({ name, arguments: { order: "A-1" } }));
  const script = [ANSWER, { ...ANSWER, toolCalls }, { status: 500, message: "overloaded today" }];
  const outcome = await integrations.run("sdk/beside-langfuse.mjs", { script });
  expect(outcome.runs).toHaveLength(4);
  expectCountedOnce(outcome);
  const run = outcome.runs.find((one) => one.run.agent?.name === "support");
  expect(run?.run).toMatchObject({ llm_calls: 3, input_tokens: 420, output_tokens: 40 });
  expect(outcome.runs.reduce((sum, one) => sum + one.run.tool_call_count, 0)).toBe(2);
});

test("beside the AI SDK's own telemetry: each call counts once, embeddings, those made at once and failed ones too", async () => {
  const script = [ASK, ANSWER, ANSWER, { status: 400, message: "no such thing" }];
  const { runs, exchanges } = await integrations.run("sdk/beside-ai-telemetry.mjs", { script });
  const known = (of: "input" | "output") => exchanges.reduce((total, { usage }) => total + (usage?.[of] ?? 0), 0);
  expect(runs).toHaveLength(1);
  expect(runs[0]?.run).toMatchObject({
    ...{ llm_calls: exchanges.length, input_tokens: known("input"), output_tokens: known("output") },
    ...{ tool_call_count: 1, usage_missing: 0, input_missing: 0, output_missing: 0 },
  });
  const told = runs[0]?.steps.filter(({ kind }) => kind === "llm") ?? [];
  expect(told.length).toBeGreaterThanOrEqual(2 * exchanges.length); // both told of each
});

test("the page has the lines to add of each", async () => {
  const page = await readFile(new URL("../../docs/integrations/runledger-sdk.md", import.meta.url), "utf8");
  for (const name of ["openai", "anthropic", "ai", "langgraph", "openai-agents", "mastra", "beside-opentelemetry"]) {
    expect(page).toContain(await linesToAdd(`sdk/${name}.mjs`));
  }
});
