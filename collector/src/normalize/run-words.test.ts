import { describe, expect, it } from "vitest";
import { normalizeSpan } from "./normalize-span.ts";
import { createPrices } from "./price.ts";

function recordOf(attributes: Record<string, unknown>, more: { scope?: string; name?: string; root?: true } = {}) {
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: more.root ? null : "00f067aa0ba902b7",
    name: more.name ?? "span name",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(Object.entries(attributes)),
    events: [],
    links: [],
  };
  const origin = { resource: {}, resourceSha256: "00".repeat(32), scope: { name: more.scope ?? "s", version: "1" } };
  const reception = { tenant: "default", receivedTime: "2026-01-02T03:04:06.000000000Z" };
  return normalizeSpan(span, origin, reception, createPrices(null).cost).facts;
}

const SHARED = {
  "runledger.task.id": "t-7",
  "runledger.task.type": "ticket",
  "gen_ai.agent.version": "1.2",
  "gen_ai.conversation.id": "c",
  "user.id": "u",
};
const OF_LANGFUSE = { "langfuse.trace.name": "ticket", "langfuse.version": "1.2", "session.id": "c", "user.id": "u" };

describe.each([
  ["langfuse", { "langfuse.observation.type": "generation" }],
  ["openinference", { "openinference.span.kind": "LLM" }],
  ["vercel-ai", { "ai.operationId": "ai.generateText.doGenerate" }],
  ["vercel-ai", { "gen_ai.operation.name": "chat", "ai.settings.context.plan": "pro", "ai.embedding": "[]" }],
  ["mastra", { "mastra.span.type": "model_generation", "gen_ai.operation.name": "chat" }],
  ["traceloop", { "traceloop.span.kind": "task" }],
  ["otel-genai", { "gen_ai.operation.name": "chat" }],
  ["plain", { "http.method": "GET" }],
])("a span of %s", (dialect, own) => {
  it("tells of its run in words that are no dialect's own", () => {
    const told = { task_type: "ticket", agent_version: "1.2", session_id: "c", user_id: "u" };
    expect(recordOf({ ...own, ...SHARED })).toMatchObject({ dialect, run: { task_id: "t-7", ...told } });
    expect(recordOf({ ...own, ...OF_LANGFUSE })).toMatchObject({ dialect, run: told });
    expect(recordOf(own).run).toMatchObject({ task_type: null, agent_version: null, session_id: null, user_id: null });
  });
});

it("has our own words of the task before the dialect's, and the dialect's before those of others", () => {
  const words = { "ai.telemetry.metadata.taskType": "a", "ai.telemetry.metadata.userId": "me", ...OF_LANGFUSE };
  const span = { "ai.operationId": "ai.generateText.doGenerate", ...words };
  expect(recordOf(span).run).toMatchObject({ task_type: "a", user_id: "me", agent_version: "1.2" });
  expect(recordOf({ ...span, "runledger.task.type": "ticket" }).run.task_type).toBe("ticket");
  expect(recordOf({ ...span, ...SHARED }).attributes).toEqual({ "langfuse.trace.name": "ticket", "user.id": "u" });
  const twice = { "gen_ai.conversation.id": "c", "session.id": "s" };
  expect(recordOf({ "http.method": "GET", ...twice })).toMatchObject({
    run: { session_id: "c" },
    attributes: { "session.id": "s" },
  });
});

it("knows what the application tells of the run in the context of AI SDK 7, and in Traceloop's associations", () => {
  const context = Object.entries({ taskId: "t-7", taskType: "ticket", agentName: "a", agentVersion: "1.2" });
  const told = { task_id: "t-7", task_type: "ticket", agent_version: "1.2" };
  const inContext = Object.fromEntries(context.map(([name, value]) => [`ai.settings.context.${name}`, value]));
  expect(recordOf({ "gen_ai.operation.name": "agent_step", ...inContext })).toMatchObject({
    dialect: "vercel-ai",
    run: { ...told, agent_name: "a" },
    attributes: {},
  });
  const associated = Object.entries(told).map(([name, value]) => [`traceloop.association.properties.${name}`, value]);
  const agent = { "traceloop.span.kind": "agent", "traceloop.entity.name": "a", ...Object.fromEntries(associated) };
  expect(recordOf(agent)).toMatchObject({ run: { ...told, agent_name: "a" }, attributes: {} });
  const versioned = { "traceloop.span.kind": "agent", "traceloop.entity.version": 3 };
  expect(recordOf(versioned)).toMatchObject({ run: { agent_version: "3" }, attributes: {} });
  expect(recordOf({ ...versioned, "traceloop.span.kind": "task" }).run.agent_version).toBeNull();
});

it("knows what the application tells of the run in OpenInference's and Mastra's metadata", () => {
  const told = { task_id: "t-7", task_type: "ticket", agent_version: "1.2", user_id: "u" };
  const chain = { "openinference.span.kind": "CHAIN", metadata: JSON.stringify({ ...told, plan: "pro" }) };
  expect(recordOf(chain)).toMatchObject({ run: told, attributes: { metadata: chain.metadata } });
  const words = { taskId: "t-7", taskType: "ticket", agentVersion: "1.2", userId: "u" };
  const metadata = Object.entries(words).map(([name, value]) => [`mastra.metadata.${name}`, value]);
  const span = { "mastra.span.type": "agent_run", ...Object.fromEntries(metadata), "mastra.metadata.resourceId": "r" };
  expect(recordOf(span)).toMatchObject({ run: told, attributes: { "mastra.metadata.resourceId": "r" } });
});

it("has the root of OpenAI's agents for their workflow: the run is of the agent below it", () => {
  const scope = "@arizeai/openinference-instrumentation-openai-agents";
  const agent = { "openinference.span.kind": "AGENT" };
  const workflow = recordOf(agent, { scope, name: "billing", root: true });
  expect(workflow).toMatchObject({ event: "run_end", run: { agent_name: null, task_type: "billing" } });
  expect(recordOf(agent, { scope, name: "Agent workflow", root: true }).run.task_type).toBeNull();
  expect(recordOf(agent, { scope, name: "triage" }).run).toMatchObject({ agent_name: "triage", task_type: null });
  expect(recordOf(agent, { name: "weather", root: true }).run.agent_name).toBe("weather");
});
