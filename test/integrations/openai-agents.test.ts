import { afterAll, beforeAll, expect, test } from "vitest";
import { expectOnPage } from "./docs-page.ts";
import { expectModelCalls } from "./model-facts.ts";
import { type Integrations, type Outcome, startIntegrations } from "./run-scenario.ts";

let integrations: Integrations;
let outcome: Outcome;
beforeAll(async () => {
  integrations = await startIntegrations();
  outcome = await integrations.run("openai-agents/handoff.mjs", {
    script: [
      { toolCalls: [{ name: "transfer_to_billing", arguments: {} }] },
      {
        toolCalls: [{ name: "find_order", arguments: { number: "7" } }],
        usage: { input: 210, output: 20, cacheRead: 128 },
      },
      {
        reasoning: "Twice is once too often.",
        toolCalls: [{ name: "refund", arguments: { number: "7", amount: 129 } }],
        usage: { input: 260, output: 44, reasoning: 30 },
      },
      { text: "I could not pay you back: the till is closed." },
      { text: "You are welcome." },
    ],
  });
});
afterAll(() => integrations.close());

test("every model call is told once, the wrappers around it never count", () => {
  expectModelCalls(outcome, { unknown: ["request_model", "streaming"] });
});

test("each run of the SDK is a run, with its agents, tools, handoffs and guardrails", () => {
  const [first, second, third] = outcome.runs;
  expect(outcome.runs).toHaveLength(3);
  expect(first?.run).toMatchObject({ status: "completed", llm_calls: 4, tool_errors: 1, guardrail_rejections: 0 });
  expect(second?.run).toMatchObject({ status: "completed", llm_calls: 1, tool_call_count: 0 });
  // The SDK does not end the trace of a run that throws: its root never comes.
  expect(third?.run).toMatchObject({ status: "running", llm_calls: 0, guardrail_rejections: 1 });
  const named = (kind: string) => first?.steps.filter((step) => step.kind === kind).map(({ name }) => name);
  expect(named("agent")).toEqual(expect.arrayContaining(["triage", "billing"]));
  expect(named("guardrail")).toEqual(["no insults"]);
  expect(named("handoff")).toEqual(["handoff to billing"]);
  expect(named("tool")?.toSorted()).toEqual(["find_order", "refund", "transfer_to_billing"]);
});

test("a tool that failed says so, with what it was called with", () => {
  const refund = outcome.steps.find(({ name }) => name === "refund");
  expect(refund).toMatchObject({ status: "error", tool: { arguments: { number: "7", amount: 129 } } });
});

test("the page has the lines to add and the runs as they come out", () =>
  expectOnPage("openai-agents.md", "openai-agents/handoff.mjs", outcome));
