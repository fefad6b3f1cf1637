import { describe, expect, it } from "vitest";
import { sha256Hex } from "./content-hash.ts";
import { normalizeSpan } from "./normalize-span.ts";
import type { SpanView } from "./span-view.ts";

const origin = { resource: {}, resourceSha256: "00".repeat(32), scope: { name: "s", version: "1" } };
const reception = { tenant: "default", receivedTime: "2026-01-02T03:04:06.000000000Z" };

function read(kind: string, attributes: Record<string, unknown>, more: Partial<SpanView> = {}) {
  const all = { "openinference.span.kind": kind, ...attributes };
  const span: SpanView = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "span",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))),
    events: [],
    links: [],
    ...more,
  };
  return normalizeSpan(span, origin, reception, () => null);
}

const json = (text: string | undefined) => JSON.parse(text ?? "null");

describe("kinds", () => {
  it.each([
    ["LLM", "llm", "chat"],
    ["EMBEDDING", "llm", "embeddings"],
    ["TOOL", "tool", "execute_tool"],
    ["AGENT", "agent", "invoke_agent"],
    ["GUARDRAIL", "guardrail", "guardrail"],
    ["RETRIEVER", "other", "retrieval"],
    ["RERANKER", "other", "rerank"],
    ["CHAIN", "other", "chain"],
    ["EVALUATOR", "other", "evaluate"],
    ["PROMPT", "other", "prompt"],
    ["NEWS", "other", "news"],
  ])("%s is %s, %s", (word, kind, operation) => {
    expect(read(word, {}).facts).toMatchObject({ dialect: "openinference", kind, operation, event: "step" });
  });

  it("a handoff of OpenAI's agents is no tool call more, and a guardrail that was triggered has rejected", () => {
    const handoff = read("TOOL", { "tool.name": "handoff_to_billing" }, { name: "handoff to billing" });
    expect(handoff.facts).toMatchObject({ kind: "handoff", name: "handoff to billing", tool: null });
    expect(read("GUARDRAIL", { "guardrail.triggered": true }, { statusCode: 1 }).facts).toMatchObject({
      status: "error",
      error: { type: "guardrail_triggered" },
    });
    expect(read("GUARDRAIL", { "guardrail.triggered": false }).facts.error).toBeNull();
  });

  it("a root chain or agent is the run's end", () => {
    const { facts } = read("CHAIN", {}, { parentSpanId: null, name: "support", statusCode: 2, statusMessage: "no" });
    expect(facts).toMatchObject({
      event: "run_end",
      end: { status: "failed", reason: "no" },
      run: { agent_name: "support" },
    });
    expect(read("AGENT", { "agent.name": "a" }, { parentSpanId: null }).facts.end?.status).toBe("completed");
    expect(read("LLM", {}, { parentSpanId: null }).facts.event).toBe("step");
  });
});

describe("a model call told by flattened keys alone", () => {
  const CALL = {
    "llm.model_name": "gpt-4o",
    "llm.system": "OpenAI",
    "llm.token_count.prompt": 10,
    "llm.token_count.completion": 5,
    "llm.token_count.prompt_details.cache_input": 4,
    "llm.token_count.completion_details.reasoning": 2,
    "llm.cost.total": 0.5,
    "llm.invocation_parameters": '{"model":"gpt-4o","temperature":0.1,"stream":true,"tools":[]}',
    "llm.finish_reason": "tool_calls",
    "llm.tools.0.tool.json_schema": '{"type":"function","function":{"name":"look","parameters":{}}}',
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "Rules.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": "Hi",
    "llm.input_messages.1.message.contents.1.message_content.type": "image",
    "llm.input_messages.1.message.contents.1.message_content.image.image.url": "https://x/y.png",
    "llm.input_messages.2.message.role": "tool",
    "llm.input_messages.2.message.tool_call_id": "c0",
    "llm.input_messages.2.message.content": "seen",
    "llm.input_messages.10.message.role": "user",
    "llm.input_messages.10.message.content": "Last.",
    "llm.input_messages.10.message.mood": "glad",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
    "llm.output_messages.0.message.contents.0.message_content.text": "Hm.",
    "llm.output_messages.0.message.contents.1.message_content.type": "tool_use",
    "llm.output_messages.0.message.contents.1.tool_call.id": "c1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "look",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"at":1}',
    other: 1,
  };

  it("has its facts, and keeps only what is not mapped as attributes", () => {
    const { facts } = read("LLM", CALL);
    expect(facts.llm).toMatchObject({
      provider: "openai",
      request_model: "gpt-4o",
      response_model: null,
      response_id: null,
      finish_reasons: ["tool_calls"],
      input_tokens: 10,
      output_tokens: 5,
      cache_read_tokens: 4,
      cache_write_tokens: null,
      reasoning_tokens: 2,
      streaming: true,
      counted: true,
      tool_requests: [{ call_id: "c1", name: "look" }],
    });
    expect({ ...facts.attributes }).toEqual({ "llm.cost.total": 0.5, other: 1 });
  });

  it("has its content in the form of the conventions", () => {
    const { content } = read("LLM", CALL);
    expect(json(content.system_prompt)).toEqual([{ type: "text", content: "Rules." }]);
    expect(content.messages?.map((message) => JSON.parse(message))).toEqual([
      {
        role: "user",
        parts: [
          { type: "text", content: "Hi" },
          { type: "uri", modality: "image", uri: "https://x/y.png" },
        ],
      },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c0", response: "seen" }] },
      { role: "user", mood: "glad", parts: [{ type: "text", content: "Last." }] },
    ]);
    expect(json(content.response)).toEqual([
      {
        role: "assistant",
        finish_reason: "tool_calls",
        parts: [
          { type: "reasoning", content: "Hm." },
          { type: "tool_call", id: "c1", name: "look", arguments: { at: 1 } },
        ],
      },
    ]);
    expect(json(content.tool_definitions)).toEqual([{ type: "function", name: "look", parameters: {} }]);
    expect(json(content.parameters)).toEqual({ temperature: 0.1 });
    expect(content.raw_request).toBeUndefined();
  });

  it("keeps a part whose type is no text", () => {
    const type = Object.assign(Object.create(null), { a: 1 });
    const { content } = read("LLM", { "llm.input_messages.0.message.contents.0.message_content.type": type });
    expect(json(content.messages?.[0])).toMatchObject({ parts: [{ type: '{"a":1}' }] });
  });

  it("takes tokens that it does not say as unknown", () => {
    const { facts } = read("LLM", { "llm.model_name": "m" });
    expect(facts.llm).toMatchObject({
      input_tokens: null,
      output_tokens: null,
      cache_read_tokens: null,
      streaming: null,
    });
  });

  it("of a prompt alone is a completion of text", () => {
    const { facts, content } = read("LLM", {
      "input.value": '{"not":"a body"}',
      "input.mime_type": "text/plain",
      "output.value": "Once",
      "output.mime_type": "text/plain",
    });
    expect(facts.operation).toBe("text_completion");
    expect(content.messages).toEqual([
      '{"role":"user","parts":[{"type":"text","content":"{\\"not\\":\\"a body\\"}"}]}',
    ]);
    expect(json(content.response)).toEqual([{ role: "assistant", parts: [{ type: "text", content: "Once" }] }]);
  });

  it("counts cached tokens, and reasoning, as parts of a whole that the sender left them out of", () => {
    const llm = (tokens: Record<string, number>) =>
      read("LLM", Object.fromEntries(Object.entries(tokens).map(([key, value]) => [`llm.token_count.${key}`, value])))
        .facts.llm;
    const apart = { prompt: 10, completion: 5, "prompt_details.cache_read": 400, "completion_details.reasoning": 50 };
    expect(llm(apart)).toMatchObject({ input_tokens: 410, cache_read_tokens: 400, output_tokens: 55 });
    expect(llm({ ...apart, prompt: 500 })).toMatchObject({ input_tokens: 500, cache_read_tokens: 400 });
    const unclear = { ...apart, prompt: 410, "prompt_details.cache_write": 30 };
    expect(llm(unclear)).toMatchObject({ input_tokens: 410, cache_read_tokens: 400, cache_write_tokens: 30 });
  });

  it("tells when its first token came, where an event says it", () => {
    const event = { name: "First Token Stream Event", time: "2026-01-02T03:04:05.120000000Z", attributes: {} };
    expect(read("LLM", {}, { events: [event] }).facts.llm?.time_to_first_token_ms).toBe(120);
    const late = { ...event, time: "2026-01-02T03:05:05.120000000Z" };
    expect(read("LLM", {}, { events: [late] }).facts.llm?.time_to_first_token_ms).toBeNull();
  });
});

describe("a model call with the provider's bodies", () => {
  it("keeps all messages though the flattened keys end at the SDK's limit of attributes", () => {
    const messages = Array.from({ length: 200 }, (_, at) => ({
      role: at % 2 === 0 ? "user" : "assistant",
      content: `${at}`,
    }));
    const { facts, content } = read("LLM", {
      "input.value": JSON.stringify({ model: "gpt-4o", messages }),
      "input.mime_type": "application/json",
      "llm.model_name": "gpt-4o-2024-08-06",
      "llm.input_messages.0.message.role": "user",
      "llm.input_messages.0.message.content": "0",
    });
    expect(content.messages).toHaveLength(200);
    expect(facts.llm).toMatchObject({ request_model: "gpt-4o", response_model: "gpt-4o-2024-08-06", streaming: false });
    expect(Object.keys(facts.attributes)).toEqual([]);
  });

  it("does not take another span's JSON for a body", () => {
    const { content } = read("LLM", { "input.value": '{"question":1}', "input.mime_type": "application/json" });
    expect(content).toEqual({ raw_request: '{"question":1}' });
  });
});

describe("other spans", () => {
  it("a tool has its arguments, its result and its id", () => {
    const { facts, content } = read("TOOL", {
      "tool.name": "look",
      "tool.id": "c1",
      "input.value": '{"at":1}',
      "input.mime_type": "application/json",
      "output.value": "42",
      "output.mime_type": "text/plain",
    });
    expect(facts).toMatchObject({ name: "look", tool: { name: "look", call_id: "c1" } });
    expect(content).toEqual({ arguments: '{"at":1}', result: '"42"' });
  });

  it("keeps what a tool was given and gave as it came, though it only looks like JSON", () => {
    const { facts, content } = read("TOOL", { "input.value": "{'at': 1}", "output.value": "[1, nan]" });
    expect(content).toEqual({ arguments: "{'at': 1}", result: "[1, nan]" });
    expect(facts.tool).toMatchObject({ result_sha256: sha256Hex("[1, nan]"), result_bytes: 8 });
    expect(facts.tool?.arguments_sha256).toBe(sha256Hex(JSON.stringify("{'at': 1}")));
  });

  it("a tool of LangChain has the id and content of the message that it returns", () => {
    const kwargs = { content: "seen", tool_call_id: "c1", name: "look" };
    const message = { lc: 1, type: "constructor", id: ["langchain_core", "messages", "ToolMessage"], kwargs };
    const { facts, content } = read("TOOL", { "output.value": JSON.stringify({ output: message }) });
    expect(facts.tool).toMatchObject({ name: "look", call_id: "c1" });
    expect(content.result).toBe('"seen"');
  });

  it("a retriever has its documents, a reranker those before and after", () => {
    const { content } = read("RETRIEVER", {
      "input.value": "why",
      "retrieval.documents.0.document.content": "because",
      "retrieval.documents.0.document.score": 0.5,
      "retrieval.documents.0.document.metadata": '{"page":1}',
    });
    expect(content.input).toBe('"why"');
    expect(json(content.output)).toEqual([{ content: "because", score: 0.5, metadata: { page: 1 } }]);
    const reranked = read("RERANKER", {
      "reranker.query": "why",
      "reranker.top_k": 1,
      "reranker.input_documents.0.document.id": "a",
      "reranker.input_documents.1.document.id": "b",
      "reranker.output_documents.0.document.id": "b",
    });
    expect(json(reranked.content.input)).toEqual({ query: "why", top_k: 1, documents: [{ id: "a" }, { id: "b" }] });
    expect(json(reranked.content.output)).toEqual([{ id: "b" }]);
  });

  it("an embedding has its texts and vectors", () => {
    const { facts, content } = read("EMBEDDING", {
      "embedding.model_name": "text-embedding-3-small",
      "embedding.embeddings.0.embedding.text": "a",
      "embedding.embeddings.0.embedding.vector": [0.5],
    });
    expect(facts.llm?.request_model).toBe("text-embedding-3-small");
    expect(content).toEqual({
      messages: ['{"role":"user","parts":[{"type":"text","content":"a"}]}'],
      output: "[[0.5]]",
    });
  });

  it("sessions and users are the run's, also out of LangChain's metadata", () => {
    const run = { session_id: "s", user_id: "u" };
    expect(read("CHAIN", { "session.id": "s", "user.id": "u" }).facts.run).toMatchObject(run);
    expect(read("CHAIN", { "session.id": "s", metadata: '{"user_id":"u"}' }).facts.run).toMatchObject(run);
  });
});

describe("hostile input", () => {
  const deep = (depth: number) => `${'{"messages":'.repeat(depth)}1${"}".repeat(depth)}`;

  it.each([
    ["a huge index", { "llm.input_messages.999999999.message.content": "x" }],
    [
      "no text where text should be",
      { "llm.input_messages.0.message.role": 7, "llm.model_name": [], "input.value": 5 },
    ],
    ["keys of an object's own", { "llm.input_messages.0.message.__proto__": "x", "llm.tools.0.tool.constructor": 1 }],
    [
      "deep nesting",
      { "input.value": deep(20_000), "output.value": deep(20_000), "llm.invocation_parameters": deep(9_999) },
    ],
    ["messages of odd shapes", { "input.value": '{"model":1,"messages":[null,1,[],{"role":{}},{"content":{"a":1}}]}' }],
    ["answers of odd shapes", { "output.value": '{"choices":[null,{"message":null},{"message":[]}],"usage":[]}' }],
    ["generations of odd shapes", { "output.value": '{"generations":[null,[null,{"message":{"kwargs":3,"id":4}}]]}' }],
  ])("%s is read or kept, and never stumbled over", (_what, attributes) => {
    for (const kind of ["LLM", "TOOL", "EMBEDDING", "RETRIEVER", "RERANKER", "AGENT"])
      expect(read(kind, attributes).facts.attributes).not.toHaveProperty(["runledger.normalize.error"]);
  });
});
