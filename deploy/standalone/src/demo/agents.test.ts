import { createRunledger, type Ledger, type LedgerDependencies } from "@runledger/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { billingAgent, type DemoContext, researchAgent, runawayAgent, supportAgent, triageAgent } from "./agents.ts";
import { claimsAgent } from "./claims-agent.ts";
import { type FakeModel, startFakeModel } from "./fake-model.ts";
import { createScripts } from "./scripts.ts";

type Exporter = ReturnType<NonNullable<LedgerDependencies["createExporter"]>>;
type Spans = Parameters<Exporter["export"]>[0];

let model: FakeModel;
let ledger: Ledger;
const spans: Spans = [];
beforeAll(async () => {
  model = await startFakeModel(createScripts(() => 0));
  const exporter: Exporter = {
    export(batch, done) {
      spans.push(...batch);
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
  const approver = { request: async () => ({ approved: true, by: "test", reason: null }) };
  ledger = createRunledger({ log: () => {}, approver }, { createExporter: () => exporter, environment: {} });
});
afterAll(async () => {
  await ledger.shutdown();
  await model.close();
});

const caller = { session: "s", user: "u" };
function demo(): DemoContext {
  const client = (scenario: string) =>
    new OpenAI({ apiKey: "key", baseURL: model.baseUrl, defaultHeaders: { "x-fake-script": scenario } });
  return { ledger, client, random: () => 0 };
}
/** The attributes of the run's end and of its steps. */
async function recordsOf(agent: string) {
  await ledger.flush();
  const all = spans.map((span) => span.attributes).filter((attributes) => attributes["gen_ai.agent.name"] === agent);
  const end = all.find((attributes) => attributes["runledger.event"] === "run_end");
  return { end, steps: all.filter((attributes) => attributes["runledger.event"] === undefined) };
}

test("the support ticket is resolved with four exact tools", async () => {
  await supportAgent(demo())("My lamp is broken", caller);
  const { end, steps } = await recordsOf("support");
  expect(end).toMatchObject({
    "runledger.run.status": "completed",
    "runledger.run.outcome": "resolved",
    "session.id": "s",
    "user.id": "u",
  });
  const tools = steps.filter((step) => step["runledger.step.kind"] === "tool");
  expect(tools).toHaveLength(4);
  for (const tool of tools) expect(tool["runledger.tool.requested_by"]).toBeDefined();
});

test("the runaway is stopped by its limit, after the same call again and again", async () => {
  await expect(runawayAgent(demo())("Send it", caller)).rejects.toThrow("limit steps: 16 of 16");
  const { end, steps } = await recordsOf("export-courier");
  expect(end).toMatchObject({ "runledger.run.status": "stopped" });
  const calls = steps.flatMap((step) => step["gen_ai.tool.call.arguments"] ?? []);
  expect(calls).toHaveLength(8);
  expect(new Set(calls).size).toBe(1);
});

test("the tool that does not exist is recorded as unknown, and the agent recovers", async () => {
  await billingAgent(demo())("Why twice?", caller);
  const { end, steps } = await recordsOf("billing");
  expect(end).toMatchObject({ "runledger.run.status": "completed" });
  const unknown = steps.filter((step) => step["runledger.tool.known"] === false);
  expect(unknown.map((step) => step["gen_ai.tool.name"])).toEqual(["issue_instant_refund"]);
});

test("one retry cascade ends well, the other does not", async () => {
  await triageAgent(demo(), "retry-recovers")("Help", caller);
  await expect(triageAgent(demo(), "retry-fails")("Help", caller)).rejects.toThrow("500");
  const { steps } = await recordsOf("triage");
  expect(steps.map((step) => step["error.type"])).toEqual(["429", "500", undefined, "500", "500", "500"]);
});

test("the research has sub-agents and long prompts", async () => {
  await researchAgent(demo())("Is it ready?", caller);
  const { end, steps } = await recordsOf("research");
  expect(end).toMatchObject({ "runledger.run.outcome": "delivered" });
  expect(steps.filter((step) => step["runledger.step.kind"] === "agent")).toHaveLength(3);
  const tokens = steps.reduce((sum, step) => sum + Number(step["gen_ai.usage.input_tokens"] ?? 0), 0);
  expect(tokens).toBeGreaterThan(100_000);
});

test("the claim is paid once it is confirmed, and what only the agent knows is told", async () => {
  const answer = await claimsAgent(demo())("My phone's screen is broken", caller);
  expect(answer).toContain("350 EUR are on their way to your account");
  const { end, steps } = await recordsOf("claims");
  expect(end).toMatchObject({ "runledger.run.status": "completed", "runledger.run.outcome": "paid" });
  const told = steps.map((step) => [step["runledger.step.kind"], step["error.type"] ?? "ok"].join(" "));
  expect(told).toEqual([
    "guardrail ok",
    "llm ok",
    "tool Error",
    "state ok",
    "tool ok",
    "llm ok",
    "approval ok",
    "tool ok",
    "llm ok",
    "decision ok",
    "guardrail guardrail_rejected",
    "other ok",
  ]);
});
