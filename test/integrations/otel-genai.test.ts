import { afterAll, beforeAll, expect, test } from "vitest";
import { expectModelCalls } from "./model-facts.ts";
import { type Integrations, startIntegrations } from "./run-scenario.ts";

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

test("spans written by hand become a run with its agent and its model calls", async () => {
  const outcome = await integrations.run("otel-genai/hand-written.mjs", { script: [{ text: "Yes, from noon." }] });
  expectModelCalls(outcome);
  expect(outcome.run).toMatchObject({ status: "completed", agent: { name: "weather" }, dialect: "otel-genai" });
});
