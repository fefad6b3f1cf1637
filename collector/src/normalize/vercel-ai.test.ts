import { describe, expect, it } from "vitest";
import { createAttributeReader, type SpanView } from "./span-view.ts";
import { vercelAi } from "./vercel-ai.ts";

function read(attributes: Record<string, unknown>, more: Partial<SpanView> = {}) {
  const span: SpanView = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "span name",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(Object.entries(attributes)),
    events: [],
    links: [],
    ...more,
  };
  const reader = createAttributeReader(span.attributes);
  const facts = vercelAi.read(span, reader, { name: "ai", version: "" });
  return { claimed: vercelAi.claims(span.attributes), ...facts, rest: reader.rest() };
}

const CALL = { "ai.operationId": "ai.generateText.doGenerate", "gen_ai.request.model": "gpt-4o" };
const messagesOf = (prompt: unknown) => {
  const { messages } = read({ ...CALL, "ai.prompt.messages": JSON.stringify(prompt) }).content;
  return messages?.map((text) => JSON.parse(text));
};
const partsOf = (...content: unknown[]) => messagesOf([{ role: "user", content }])?.[0].parts;

describe("what a span is", () => {
  it.each([
    ["ai.generateText.doGenerate", "llm", "chat"],
    ["ai.streamObject.doStream", "llm", "chat"],
    ["ai.embedMany.doEmbed", "llm", "embeddings"],
    ["ai.transcribe", "llm", "transcribe"],
    ["ai.toolCall", "tool", "execute_tool"],
    ["ai.streamText", "agent", "invoke_agent"],
    ["ai.workflowAgent.stream", "agent", "invoke_agent"],
    ["ai.embed", "other", "embeddings"],
    ["ai.rerank.doRerank", "other", "rerank"],
    ["ai.constructor", "other", "ai.constructor"],
  ])("%s is of kind %s", (operationId, kind, operation) => {
    expect(read({ "ai.operationId": operationId })).toMatchObject({ claimed: true, kind, operation });
  });

  it("a wrapper ends the run when it is the root, and its totals are nobody's tokens", () => {
    const wrapper = { "ai.operationId": "ai.generateText", "ai.usage.inputTokens": 240 };
    const { event, llm, end, rest } = read(wrapper, { parentSpanId: null });
    expect({ event, llm, end: end?.status }).toEqual({ event: "run_end", llm: null, end: "completed" });
    expect(rest).toEqual({ "ai.usage.inputTokens": 240 });
    expect(read(wrapper)).toMatchObject({ event: "step", end: null });
    const embedding = { "ai.operationId": "ai.embed" };
    expect(read(embedding, { parentSpanId: null, statusCode: 2 }).end?.status).toBe("failed");
  });

  it("a model that breaks off fails, though the status is unset", () => {
    expect(read({ ...CALL, "ai.response.finishReason": "error" }).error).toEqual({ type: "error", message: null });
    expect(read({ ...CALL, "ai.response.finishReason": "stop" }).error).toBeNull();
  });
});

describe("the provider", () => {
  it.each([
    ["openai.chat", "openai"],
    ["google.generative-ai", "gcp.gemini"],
    ["google.vertex.chat", "gcp.vertex_ai"],
    ["amazon-bedrock", "aws.bedrock"],
    ["azure-openai.chat", "azure-openai"],
    ["xai.chat", "x_ai"],
    ["Gateway", "gateway"],
  ])("%s is called %s", (given, provider) => {
    expect(read({ ...CALL, "gen_ai.system": given }).llm?.provider).toBe(provider);
  });
});

describe("tokens", () => {
  const tokens = (values: Record<string, unknown>, provider = "openai.chat") =>
    read({ ...CALL, "gen_ai.system": provider, ...values }).llm;

  it("are what the SDK put together, from version 6 on", () => {
    const details = {
      "ai.usage.inputTokenDetails.noCacheTokens": 60,
      "ai.usage.inputTokenDetails.cacheReadTokens": 40,
    };
    const usage = { "ai.usage.inputTokens": 100, "ai.usage.outputTokens": 10, "ai.usage.reasoningTokens": 4 };
    expect(tokens({ ...usage, ...details }, "anthropic.messages")).toMatchObject({
      input_tokens: 100,
      output_tokens: 10,
      cache_read_tokens: 40,
      reasoning_tokens: 4,
    });
  });

  it("of Anthropic are put together from its own counts, in version 5", () => {
    const usage = { input_tokens: 60, cache_read_input_tokens: 40, cache_creation_input_tokens: 20 };
    const given = {
      "ai.usage.inputTokens": 60,
      "ai.usage.outputTokens": 10,
      "ai.usage.cachedInputTokens": 40,
      "ai.response.providerMetadata": JSON.stringify({ anthropic: { usage } }),
    };
    expect(tokens(given, "anthropic.messages")).toMatchObject({
      input_tokens: 120,
      cache_read_tokens: 40,
      cache_write_tokens: 20,
    });
  });

  it("beyond the sum are the reasoning's, where the totals say so", () => {
    const given = { "ai.usage.inputTokens": 100, "ai.usage.outputTokens": 10, "ai.usage.reasoningTokens": 30 };
    expect(tokens({ ...given, "ai.usage.totalTokens": 140 })?.output_tokens).toBe(40);
    expect(tokens({ ...given, "ai.usage.totalTokens": 110 })?.output_tokens).toBe(10);
    expect(tokens(given)?.output_tokens).toBe(10);
  });

  it("that are not told are unknown", () => {
    expect(tokens({ "ai.usage.inputTokens": "many" })).toMatchObject({ input_tokens: null, output_tokens: null });
  });
});

describe("content", () => {
  it("has the leading system messages apart, and later ones in their place", () => {
    const prompt = [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Hi", providerOptions: { x: 1 } }] },
      { role: "system", content: "Now be long." },
    ];
    const { content } = read({ ...CALL, "ai.prompt.messages": JSON.stringify(prompt) });
    expect(content.system_prompt).toBe('[{"type":"text","content":"Be brief."}]');
    expect(content.messages).toEqual([
      '{"role":"user","parts":[{"type":"text","content":"Hi","providerOptions":{"x":1}}]}',
      '{"role":"system","parts":[{"type":"text","content":"Now be long."}]}',
    ]);
  });

  it("has files by address or by bytes, reasoning, and parts of unknown types as they are", () => {
    expect(
      partsOf(
        { type: "file", mediaType: "image/png", data: "https://x/y.png" },
        { type: "file", mediaType: "application/pdf", data: "JVBERi0=", filename: "a.pdf" },
        { type: "image", image: { type: "url", url: "https://x/z.png" } },
        { type: "reasoning", text: "hm" },
        { type: "hologram", data: 1 },
      ),
    ).toEqual([
      { type: "uri", modality: "image", mime_type: "image/png", uri: "https://x/y.png" },
      { type: "blob", modality: "document", mime_type: "application/pdf", content: "JVBERi0=", filename: "a.pdf" },
      { type: "uri", modality: "image", uri: "https://x/z.png" },
      { type: "reasoning", content: "hm" },
      { type: "hologram", data: 1 },
    ]);
  });

  it("has tool results by their values, and says which are errors", () => {
    const result = (output: unknown) => ({ type: "tool-result", toolCallId: "c", toolName: "t", output });
    expect(
      partsOf(
        result({ type: "json", value: { a: 1 } }),
        result({ type: "error-text", value: "no" }),
        result({ type: "execution-denied", reason: "no" }),
      ),
    ).toMatchObject([
      { type: "tool_call_response", id: "c", name: "t", response: { a: 1 } },
      { response: "no", is_error: true },
      { response: { type: "execution-denied", reason: "no" } },
    ]);
  });

  it("has the answer as one message: reasoning, words, tool calls and files", () => {
    const { content } = read({
      ...CALL,
      "ai.response.reasoning": "hm",
      "ai.response.text": "[I look]",
      "ai.response.toolCalls": '[{"toolCallId":"c","toolName":"t","input":"{\\"n\\":12345678901234567890}"}]',
      "ai.response.files": '[{"type":"file","mediaType":"audio/wav","data":"AAAA"}]',
      "ai.response.finishReason": "tool-calls",
    });
    expect(JSON.parse(content.response ?? "")).toEqual([
      {
        role: "assistant",
        parts: [
          { type: "reasoning", content: "hm" },
          { type: "text", content: "[I look]" },
          { type: "tool_call", id: "c", name: "t", arguments: '{"n":12345678901234567890}' },
          { type: "blob", modality: "audio", mime_type: "audio/wav", content: "AAAA" },
        ],
        finish_reason: "tool_call",
      },
    ]);
  });

  it("of an embedding is its texts as messages, and the vectors", () => {
    const given = { "ai.values": ['"Bern"', '"7"'], "ai.embeddings": ["[0.1]", "[0.2]"] };
    const { content } = read({ "ai.operationId": "ai.embedMany.doEmbed", ...given });
    expect(content.messages).toEqual([
      '{"role":"user","parts":[{"type":"text","content":"Bern"}]}',
      '{"role":"user","parts":[{"type":"text","content":"7"}]}',
    ]);
    expect(content.output).toBe("[[0.1],[0.2]]");
    const heard = read({ "ai.operationId": "ai.transcribe", "ai.response.text": "Hi" }).content.response;
    expect(heard).toBe('[{"role":"assistant","parts":[{"type":"text","content":"Hi"}]}]');
  });

  it("of a wrapper is what the application handed in, in the same words as the call in it", () => {
    const prompt = { system: "Be brief.", prompt: "Hi" };
    const { content } = read({ "ai.operationId": "ai.generateText", "ai.prompt": JSON.stringify(prompt) });
    expect(content.system_prompt).toBe('[{"type":"text","content":"Be brief."}]');
    expect(content.messages).toEqual(['{"role":"user","parts":[{"type":"text","content":"Hi"}]}']);
  });

  it.each([["null"], ["not json"], ["[[["], ['[1,null,"x",{"role":7},{"__proto__":{"a":1}}]'], ["{}"]])(
    "is kept when a prompt or a list of tools is %s",
    (given) => {
      const { content } = read({
        ...CALL,
        "ai.prompt.messages": given,
        "ai.prompt.tools": [given],
        "ai.response.toolCalls": given,
      });
      for (const text of [...(content.messages ?? []), content.tool_definitions ?? "", content.response ?? "null"])
        expect(() => JSON.parse(text)).not.toThrow();
      expect(content.messages?.length).toBeGreaterThan(0);
    },
  );
});

describe("version 7 with the conventions", () => {
  it("adds what the SDK says beyond them", () => {
    const chat = { "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5 };
    const { claimed, llm, run } = read({
      ...chat,
      "ai.usage.outputTokenDetails.reasoningTokens": 3,
      "ai.settings.context.sessionId": "s",
      "ai.settings.context.userId": "u",
    });
    expect(claimed).toBe(true);
    expect(llm).toMatchObject({ input_tokens: 5, reasoning_tokens: 3 });
    expect(run).toMatchObject({ session_id: "s", user_id: "u" });
    expect(read(chat).claimed).toBe(false);
  });

  it("tells a stream by its first chunk", () => {
    const chat = { "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o" };
    const took = { ...chat, "gen_ai.client.operation.duration": 0.5 };
    const streamed = { ...took, "gen_ai.client.operation.time_to_first_chunk": 0.25 };
    expect(read(streamed)).toMatchObject({ claimed: true, llm: { streaming: true, time_to_first_token_ms: 250 } });
    const late = { ...took, "gen_ai.client.operation.time_to_first_chunk": 250 };
    expect(read(late)).toMatchObject({ llm: { streaming: true, time_to_first_token_ms: null } });
    expect(read(took)).toMatchObject({ claimed: true, llm: { streaming: false, time_to_first_token_ms: null } });
  });
});
