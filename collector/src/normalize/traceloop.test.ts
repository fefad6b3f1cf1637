import { describe, expect, it } from "vitest";
import { normalizeSpan } from "./normalize-span.ts";
import type { SpanView } from "./span-view.ts";

const reception = { tenant: "default", receivedTime: "2026-01-02T03:04:06.000000000Z" };

function read(attributes: Record<string, unknown>, more: Partial<SpanView> = {}, scope = { name: "s", version: "1" }) {
  const span: SpanView = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "span",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))),
    events: [],
    links: [],
    ...more,
  };
  return normalizeSpan(span, { resource: {}, resourceSha256: "00".repeat(32), scope }, reception, () => null);
}

const json = (text: string | undefined) => JSON.parse(text ?? "null");

describe("a model call of an older version", () => {
  const CALL = {
    "llm.request.type": "chat",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.request.temperature": 0.1,
    "llm.top_k": 4,
    "llm.usage.total_tokens": 15,
    "gen_ai.usage.prompt_tokens": 10,
    "gen_ai.usage.completion_tokens": 5,
    "gen_ai.usage.cache_read_input_tokens": 4,
    "gen_ai.usage.reasoning_tokens": 2,
    "llm.is_streaming": true,
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Rules.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content":
      '[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]',
    "gen_ai.prompt.2.role": "assistant",
    "gen_ai.prompt.2.tool_calls.0.id": "c0",
    "gen_ai.prompt.2.tool_calls.0.name": "look",
    "gen_ai.prompt.2.tool_calls.0.arguments": "{}",
    "gen_ai.prompt.3.role": "tool",
    "gen_ai.prompt.3.tool_call_id": "c0",
    "gen_ai.prompt.3.content": "seen",
    "gen_ai.prompt.10.role": "user",
    "gen_ai.prompt.10.content": "[no parts]",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "I look.",
    "gen_ai.completion.0.finish_reason": "tool_calls",
    "gen_ai.completion.0.tool_calls.0.id": "c1",
    "gen_ai.completion.0.tool_calls.0.name": "look",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"at":1}',
    "llm.request.functions.0.name": "look",
    "llm.request.functions.0.description": "Looks",
    "llm.request.functions.0.parameters": '{"type":"object"}',
    other: 1,
  };

  it("has its facts, and keeps only what is not mapped as attributes", () => {
    const { facts } = read(CALL);
    expect(facts).toMatchObject({ dialect: "traceloop", kind: "llm", operation: "chat", name: "gpt-4o" });
    expect(facts.llm).toMatchObject({
      provider: "openai",
      response_model: "gpt-4o-2024-08-06",
      finish_reasons: ["tool_calls"],
      input_tokens: 10,
      output_tokens: 5,
      cache_read_tokens: 4,
      reasoning_tokens: 2,
      streaming: true,
      tool_requests: [{ call_id: "c1", name: "look" }],
    });
    expect({ ...facts.attributes }).toEqual({ "llm.usage.total_tokens": 15, other: 1 });
  });

  it("has its content in the form of the conventions", () => {
    const { content } = read(CALL);
    expect(json(content.system_prompt)).toEqual([{ type: "text", content: "Rules." }]);
    expect(content.messages?.map((message) => JSON.parse(message))).toMatchObject([
      {
        role: "user",
        parts: [
          { type: "text", content: "Hi" },
          { type: "uri", uri: "https://x/y.png" },
        ],
      },
      { role: "assistant", parts: [{ type: "tool_call", id: "c0", name: "look", arguments: {} }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c0", response: "seen" }] },
      { role: "user", parts: [{ type: "text", content: "[no parts]" }] },
    ]);
    expect(json(content.response)).toMatchObject([
      {
        role: "assistant",
        finish_reason: "tool_calls",
        parts: [
          { type: "text", content: "I look." },
          { type: "tool_call", id: "c1", name: "look", arguments: { at: 1 } },
        ],
      },
    ]);
    expect(json(content.tool_definitions)).toEqual([
      { type: "function", name: "look", description: "Looks", parameters: { type: "object" } },
    ]);
    expect(json(content.parameters)).toEqual({ temperature: 0.1, top_k: 4 });
  });

  it.each([
    ["completion", "llm", "text_completion"],
    ["embedding", "llm", "embeddings"],
    ["rerank", "other", "rerank"],
  ])("of the type %s is %s, %s", (type, kind, operation) => {
    expect(read({ "llm.request.type": type, "gen_ai.request.model": "m" }).facts).toMatchObject({ kind, operation });
  });

  it("tells a function called, and thoughts, in the words of before", () => {
    const { content } = read({
      "llm.request.type": "chat",
      "gen_ai.completion.0.role": "thinking",
      "gen_ai.completion.0.content": "Hm.",
      "gen_ai.completion.1.function_call.name": "look",
      "gen_ai.completion.1.function_call.arguments": '{"at":1}',
    });
    expect(json(content.response)).toMatchObject([
      { role: "assistant", parts: [{ type: "reasoning", content: "Hm." }] },
      { role: "assistant", parts: [{ type: "tool_call", name: "look", arguments: { at: 1 } }] },
    ]);
  });
});

describe("a model call of a newer version", () => {
  const CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude",
    "gen_ai.usage.input_tokens": 500,
    "gen_ai.usage.cache_read.input_tokens": 300,
    "gen_ai.usage.cache_creation.input_tokens": 20,
    "gen_ai.usage.total_tokens": 510,
  };
  const scope = (version: string) => ({ name: "@traceloop/instrumentation-anthropic", version });

  it("of Anthropic has the cached tokens in its input, also from versions that leave them out", () => {
    expect(read(CALL, {}, scope("0.27.0")).facts.llm?.input_tokens).toBe(820);
    expect(read(CALL, {}, scope("0.28.0")).facts.llm?.input_tokens).toBe(500);
    expect(read(CALL).facts.llm?.input_tokens).toBe(500);
  });
});

describe("entities", () => {
  const entity = (kind: string, more: Record<string, unknown> = {}, span: Partial<SpanView> = {}) =>
    read({ "traceloop.span.kind": kind, "traceloop.entity.name": "e", ...more }, span);

  it.each([
    ["workflow", "other", "workflow"],
    ["task", "other", "task"],
    ["agent", "agent", "invoke_agent"],
    ["tool", "tool", "execute_tool"],
    ["session", "other", "session"],
  ])("%s is %s, %s", (word, kind, operation) => {
    expect(entity(word).facts).toMatchObject({ kind, operation, name: "e", event: "step" });
  });

  it("a root workflow or agent is the run's end", () => {
    expect(entity("workflow", {}, { parentSpanId: null }).facts).toMatchObject({
      event: "run_end",
      end: { status: "completed" },
      run: { agent_name: "e" },
    });
    expect(entity("task", {}, { parentSpanId: null }).facts.event).toBe("step");
  });

  it("have their input and output, and the run its session and user", () => {
    const { facts, content } = entity("workflow", {
      "traceloop.entity.input": '{"args":[],"kwargs":{"q":1}}',
      "traceloop.entity.output": "plain words",
      "traceloop.association.properties.session_id": "s",
      "traceloop.association.properties.customer_id": "u",
      "traceloop.association.properties.plan": "pro",
    });
    expect(content).toEqual({ input: '{"args":[],"kwargs":{"q":1}}', output: '"plain words"' });
    expect(facts.run).toMatchObject({ session_id: "s", user_id: "u" });
    expect({ ...facts.attributes }).toEqual({ "traceloop.association.properties.plan": "pro" });
  });

  it.each([
    ['{"args":[],"kwargs":{"q":1}}', '{"q":1}'],
    ['{"args":[{"q":1}],"kwargs":{}}', '{"q":1}'],
    ['{"args":["{\\"q\\":1}"]}', '{"q":1}'],
    ['{"args":["words"]}', '"words"'],
    ['{"args":[1,2],"kwargs":{}}', '{"args":[1,2],"kwargs":{}}'],
    ['{"input_str":"{}","inputs":{"q":1},"tags":[]}', '{"q":1}'],
    ['{"q":1}', '{"q":1}'],
  ])("a tool called with %s has the arguments %s", (input, expected) => {
    expect(entity("tool", { "traceloop.entity.input": input }).content.arguments).toBe(expected);
  });

  it("a span within a workflow is not named after it", () => {
    expect(read({ "traceloop.workflow.name": "w" }).facts).toMatchObject({
      dialect: "traceloop",
      name: "span",
      kind: "other",
    });
  });

  it("a tool of LangChain has the name and id that the message says which it returns", () => {
    const kwargs = { content: "seen", tool_call_id: "c1", name: "look" };
    const message = { lc: 1, type: "constructor", id: ["langchain_core", "messages", "ToolMessage"], kwargs };
    const { facts } = read({
      "gen_ai.operation.name": "execute_tool",
      "traceloop.span.kind": "task",
      "traceloop.entity.name": "DynamicStructuredTool",
      "traceloop.entity.output": JSON.stringify(message),
    });
    expect(facts).toMatchObject({ kind: "tool", name: "look", tool: { name: "look", call_id: "c1" } });
  });
});

describe("other spans", () => {
  it("a query of a vector store is a retrieval", () => {
    const { facts, content } = read(
      {
        "db.system": "Pinecone",
        "db.vector.query.top_k": 3,
        "db.vector.query.result.0.id": "a",
        "db.vector.query.result.0.score": 0.5,
        "db.vector.query.result.matches_length": 1,
      },
      { name: "pinecone.query" },
    );
    expect(facts).toMatchObject({
      dialect: "traceloop",
      kind: "other",
      operation: "retrieval",
      name: "pinecone.query",
    });
    expect(json(content.input)).toEqual({ top_k: 3 });
    expect(json(content.output)).toEqual([{ id: "a", score: 0.5 }]);
    expect(read({ "db.system": "chroma" }, { name: "chroma.add" }).facts.operation).toBe("add");
    expect(read({ "db.system": "postgresql" }).facts.dialect).toBe("plain");
  });

  it("a guard that failed is a rejection", () => {
    const guard = (status: string) =>
      read({
        "gen_ai.operation.name": "guard",
        "gen_ai.guardrail.name": "g",
        "gen_ai.guardrail.status": status,
        "gen_ai.guardrail.input": "{}",
      });
    expect(guard("FAILED").facts).toMatchObject({
      kind: "guardrail",
      name: "g",
      error: { type: "guardrail_rejection" },
    });
    expect(guard("PASSED").facts).toMatchObject({ kind: "guardrail", error: null });
  });

  it("hostile keys are read or kept, and never stumbled over", () => {
    for (const attributes of [
      { "gen_ai.prompt.0.role": 5, "gen_ai.prompt.999999999.content": [], "gen_ai.prompt.x.content": 1 },
      {
        "llm.request.type": "chat",
        "llm.request.functions.0.parameters": "no json",
        "gen_ai.completion.0.__proto__": 1,
      },
      { "traceloop.span.kind": [], "traceloop.entity.input": `${'{"args":['.repeat(9_999)}1${"]}".repeat(9_999)}` },
      { "traceloop.span.kind": "tool", "traceloop.entity.output": '{"kwargs":null,"tool_call_id":1,"id":[]}' },
    ])
      expect(read(attributes).facts.attributes).not.toHaveProperty(["runledger.normalize.error"]);
  });
});
