import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

// The providers' own clients, unmodified, each in a tool loop of two calls: asked for the weather, given it, and told.

let recorded: RecordedLedger;
let server: ModelServer | undefined;
beforeEach(() => {
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  await server?.close();
  server = undefined;
});

const SCHEMA = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };
const events = (...items: object[]) =>
  items.map((item) => `event: ${"type" in item ? item.type : "message"}\ndata: ${JSON.stringify(item)}\n\n`).join("");

/** Answers in order, JSON or the text of a stream. */
async function serve(...answers: (object | string)[]): Promise<string> {
  server = await startModelServer((response, request) => {
    const answer = answers[request] ?? {};
    if (typeof answer !== "string") return sendJson(response, answer, 200, { "request-id": `req_${request}` });
    const type = answer.startsWith("{") ? "application/x-ndjson" : "text/event-stream";
    response.writeHead(200, { "content-type": type }).end(answer);
  });
  return server.baseUrl.replace("/v1", "");
}

async function record(agent: () => Promise<unknown>) {
  await recorded.ledger.wrap(agent, { agent: "weatherman" })();
  const [calls, tools] = [await recorded.steps("llm"), await recorded.steps("tool")];
  const json = (value: unknown) => (value === undefined ? undefined : JSON.parse(String(value)));
  return {
    calls: calls.map(({ attributes }) => attributes),
    messages: calls.map(({ attributes }) => ({
      system: json(attributes["gen_ai.system_instructions"]),
      in: json(attributes["gen_ai.input.messages"]),
      out: json(attributes["gen_ai.output.messages"]),
      tools: json(attributes["gen_ai.tool.definitions"]),
    })),
    tools: tools.map(({ attributes }) => attributes),
  };
}

const TOOL = {
  "gen_ai.tool.name": "weather",
  "gen_ai.tool.call.arguments": '{"city":"Oslo"}',
  "runledger.tool.inferred": true,
  "runledger.tool.known": true,
  "runledger.tool.valid": true,
};

describe.each([false, true])("Anthropic, streaming %s", (stream) => {
  const head = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-test-20260101",
    stop_sequence: null,
  };
  const usage = { input_tokens: 10, cache_creation_input_tokens: 5, cache_read_input_tokens: 100, output_tokens: 30 };
  const blocks = [
    { type: "thinking", thinking: "Hm.", signature: "sig" },
    { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } },
  ];
  const asking = stream
    ? events(
        {
          type: "message_start",
          message: { ...head, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
        },
        { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
        { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "sig" } },
        { type: "content_block_stop", index: 0 },
        { type: "content_block_start", index: 1, content_block: { ...blocks[1], input: {} } },
        { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '{"city"' } },
        { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: ':"Oslo"}' } },
        { type: "content_block_stop", index: 1 },
        {
          type: "message_delta",
          delta: { stop_reason: "tool_use", stop_sequence: null },
          usage: { output_tokens: 30 },
        },
        { type: "message_stop" },
      )
    : { ...head, content: blocks, stop_reason: "tool_use", usage };
  const telling = { ...head, id: "msg_2", content: [{ type: "text", text: "Rain." }], stop_reason: "end_turn", usage };

  test("is recorded with its tool loop, cached tokens as parts of the input", async () => {
    const baseURL = await serve(asking, telling);
    const client = new Anthropic({ apiKey: "key", baseURL });
    const first = {
      model: "claude-test",
      max_tokens: 99,
      system: "Be brief.",
      tools: [{ name: "weather", input_schema: SCHEMA }],
    };
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Oslo?" }];
    const {
      calls,
      messages: told,
      tools,
    } = await record(async () => {
      const answer = stream
        ? await client.messages.stream({ ...first, messages }).finalMessage()
        : await client.messages.create({ ...first, messages });
      messages.push({ role: "assistant", content: answer.content });
      messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "rain" }] });
      return await client.messages.create({ ...first, messages });
    });
    expect(calls[0]).toMatchObject({
      "gen_ai.provider.name": "anthropic",
      "gen_ai.request.model": "claude-test",
      "gen_ai.request.max_tokens": 99,
      "gen_ai.request.stream": stream,
      "gen_ai.response.model": "claude-test-20260101",
      "gen_ai.response.id": "msg_1",
      "gen_ai.response.finish_reasons": ["tool_use"],
      "gen_ai.usage.input_tokens": 115,
      "gen_ai.usage.output_tokens": 30,
      "gen_ai.usage.cache_read.input_tokens": 100,
      "gen_ai.usage.cache_write.input_tokens": 5,
    });
    const call = { type: "tool_call", id: "toolu_1", name: "weather", arguments: { city: "Oslo" } };
    expect(told[0]).toEqual({
      system: [{ type: "text", content: "Be brief." }],
      in: [{ role: "user", parts: [{ type: "text", content: "Oslo?" }] }],
      out: [
        {
          role: "assistant",
          parts: [{ type: "reasoning", content: "Hm.", signature: "sig" }, call],
          finish_reason: "tool_use",
        },
      ],
      tools: [{ type: "function", name: "weather", parameters: SCHEMA }],
    });
    expect(told[1]?.in[2]).toEqual({
      role: "tool",
      parts: [{ type: "tool_call_response", id: "toolu_1", response: "rain" }],
    });
    expect(tools).toMatchObject([{ ...TOOL, "gen_ai.tool.call.id": "toolu_1", "gen_ai.tool.call.result": "rain" }]);
  });
});

describe.each([false, true])("OpenAI responses, streaming %s", (stream) => {
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 64 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 8 },
    total_tokens: 120,
  };
  const call = { type: "function_call", id: "fc_1", call_id: "call_1", name: "weather", arguments: '{"city":"Oslo"}' };
  const head = { id: "resp_1", object: "response", model: "gpt-5-2025-08-07", status: "completed", error: null };
  const answer = { ...head, output: [call], usage };
  const asking = stream
    ? events(
        { type: "response.created", response: { ...head, status: "in_progress", output: [] } },
        { type: "response.output_item.added", output_index: 0, item: { ...call, arguments: "" } },
        { type: "response.function_call_arguments.delta", output_index: 0, item_id: "fc_1", delta: call.arguments },
        { type: "response.output_item.done", output_index: 0, item: call },
        { type: "response.completed", response: answer },
      )
    : answer;
  const message = {
    type: "message",
    id: "msg_1",
    role: "assistant",
    content: [{ type: "output_text", text: "Rain.", annotations: [] }],
  };

  test("is recorded with its tool loop, reasoning tokens as parts of the output", async () => {
    const baseURL = await serve(asking, { ...head, id: "resp_2", output: [message], usage });
    const client = new OpenAI({ apiKey: "key", baseURL: `${baseURL}/v1` });
    const first = {
      model: "gpt-5",
      instructions: "Be brief.",
      reasoning: { effort: "low" as const },
      tools: [{ type: "function" as const, name: "weather", parameters: SCHEMA, strict: false }],
    };
    const {
      calls,
      messages: told,
      tools,
    } = await record(async () => {
      if (stream) for await (const _ of await client.responses.create({ ...first, input: "Oslo?", stream: true }));
      else await client.responses.create({ ...first, input: "Oslo?" });
      const result = { type: "function_call_output" as const, call_id: "call_1", output: "rain" };
      return await client.responses.create({ ...first, previous_response_id: "resp_1", input: [result] });
    });
    expect(calls[0]).toMatchObject({
      "gen_ai.provider.name": "openai",
      "gen_ai.request.stream": stream,
      "gen_ai.request.reasoning.level": "low",
      "gen_ai.response.id": "resp_1",
      "gen_ai.response.model": "gpt-5-2025-08-07",
      "gen_ai.response.finish_reasons": ["completed"],
      "gen_ai.usage.input_tokens": 100,
      "gen_ai.usage.output_tokens": 20,
      "gen_ai.usage.cache_read.input_tokens": 64,
      "gen_ai.usage.reasoning.output_tokens": 8,
    });
    expect(told[0]).toMatchObject({
      system: [{ type: "text", content: "Be brief." }],
      in: [{ role: "user", parts: [{ type: "text", content: "Oslo?" }] }],
      out: [
        {
          role: "assistant",
          parts: [{ type: "tool_call", id: "call_1", name: "weather", arguments: { city: "Oslo" } }],
        },
      ],
    });
    expect(calls[1]).toMatchObject({ "gen_ai.request.previous_response.id": "resp_1" });
    expect(told[1]?.out).toMatchObject([{ role: "assistant", parts: [{ type: "text", content: "Rain." }] }]);
    expect(tools).toMatchObject([{ ...TOOL, "gen_ai.tool.call.id": "call_1", "gen_ai.tool.call.result": "rain" }]);
  });
});

describe.each([false, true])("Gemini, streaming %s", (stream) => {
  const facts = { modelVersion: "gemini-2.5-flash", responseId: "r1" };
  const usageMetadata = {
    promptTokenCount: 50,
    cachedContentTokenCount: 8,
    candidatesTokenCount: 7,
    thoughtsTokenCount: 3,
    totalTokenCount: 60,
  };
  const part = (item: object) => ({ content: { role: "model", parts: [item] } });
  const call = { functionCall: { name: "weather", args: { city: "Oslo" } } };
  const asking = stream
    ? events(
        { ...facts, candidates: [part({ text: "Let me " })] },
        { ...facts, candidates: [part({ text: "see." })] },
        { ...facts, candidates: [{ ...part(call), finishReason: "STOP" }], usageMetadata },
      ).replaceAll("event: message\n", "")
    : {
        ...facts,
        candidates: [{ content: { role: "model", parts: [{ text: "Let me see." }, call] }, finishReason: "STOP" }],
        usageMetadata,
      };
  const telling = { ...facts, candidates: [{ ...part({ text: "Rain." }), finishReason: "STOP" }], usageMetadata };

  test("is recorded with its tool loop, thoughts as part of the output", async () => {
    const baseUrl = await serve(asking, telling);
    const client = new GoogleGenAI({ apiKey: "key", httpOptions: { baseUrl } });
    const declaration = { name: "weather", parametersJsonSchema: SCHEMA };
    const first = {
      model: "gemini-2.5-flash",
      config: { systemInstruction: "Be brief.", tools: [{ functionDeclarations: [declaration] }] },
    };
    const user = { role: "user", parts: [{ text: "Oslo?" }] };
    const {
      calls,
      messages: told,
      tools,
    } = await record(async () => {
      const request = { ...first, contents: [user] };
      if (stream) for await (const _ of await client.models.generateContentStream(request));
      else await client.models.generateContent(request);
      const result = { role: "user", parts: [{ functionResponse: { name: "weather", response: { sky: "rain" } } }] };
      return await client.models.generateContent({
        ...first,
        contents: [user, { role: "model", parts: [call] }, result],
      });
    });
    expect(calls[0]).toMatchObject({
      "gen_ai.operation.name": "generate_content",
      "gen_ai.provider.name": "gcp.gemini",
      "gen_ai.request.model": "gemini-2.5-flash",
      "gen_ai.request.stream": stream,
      "gen_ai.response.model": "gemini-2.5-flash",
      "gen_ai.response.id": "r1",
      "gen_ai.usage.input_tokens": 50,
      "gen_ai.usage.output_tokens": 10,
      "gen_ai.usage.cache_read.input_tokens": 8,
      "gen_ai.usage.reasoning.output_tokens": 3,
    });
    expect(told[0]?.system).toEqual([{ type: "text", content: "Be brief." }]);
    expect(told[0]?.out).toEqual([
      {
        role: "assistant",
        parts: [
          { type: "text", content: "Let me see." },
          { type: "tool_call", id: "weather:0", name: "weather", arguments: { city: "Oslo" } },
        ],
        finish_reason: "STOP",
      },
    ]);
    expect(told[0]?.tools).toEqual([{ type: "function", name: "weather", parameters: SCHEMA }]);
    expect(tools).toMatchObject([{ ...TOOL, "gen_ai.tool.call.result": '{"sky":"rain"}' }]);
  });
});

describe.each([false, true])("Ollama, streaming %s", (stream) => {
  const call = { function: { name: "weather", arguments: { city: "Oslo" } } };
  const head = { model: "llama3.2", created_at: "2026-01-01T00:00:00Z" };
  const end = { done: true, done_reason: "stop", prompt_eval_count: 40, eval_count: 6 };
  const message = (content: string, more: object = {}) => ({ message: { role: "assistant", content, ...more } });
  const lines = (...items: object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join("");
  const asking = stream
    ? lines(
        { ...head, ...message("Let me "), done: false },
        { ...head, ...message("see.", { tool_calls: [call] }), done: false },
        { ...head, ...message(""), ...end },
      )
    : { ...head, ...message("Let me see.", { tool_calls: [call] }), ...end };

  test("is recorded with its tool loop, though its calls have no ids", async () => {
    const host = await serve(asking, { ...head, ...message("Rain."), ...end });
    const client = new Ollama({ host });
    const tools = [{ type: "function", function: { name: "weather", description: "The sky", parameters: SCHEMA } }];
    const user = { role: "user", content: "Oslo?" };
    const {
      calls,
      messages: told,
      tools: seen,
    } = await record(async () => {
      const request = { model: "llama3.2", tools, messages: [user] };
      if (stream) for await (const _ of await client.chat({ ...request, stream: true }));
      else await client.chat({ ...request, stream: false });
      const history = [
        user,
        { role: "assistant", content: "", tool_calls: [call] },
        { role: "tool", tool_name: "weather", content: "rain" },
      ];
      return await client.chat({ ...request, messages: history, stream: false });
    });
    expect(calls[0]).toMatchObject({
      "gen_ai.provider.name": "ollama",
      "gen_ai.request.model": "llama3.2",
      "gen_ai.request.stream": stream,
      "gen_ai.usage.input_tokens": 40,
      "gen_ai.usage.output_tokens": 6,
      "gen_ai.response.finish_reasons": ["stop"],
    });
    expect(told[0]?.out[0].parts).toEqual([
      { type: "text", content: "Let me see." },
      { type: "tool_call", id: "weather:0", name: "weather", arguments: { city: "Oslo" } },
    ]);
    expect(seen).toMatchObject([{ ...TOOL, "gen_ai.tool.call.result": "rain" }]);
  });
});

test("OpenAI embeddings are recorded with their texts, without their vectors", async () => {
  const baseURL = await serve({
    object: "list",
    model: "text-embedding-3-small",
    data: [{ object: "embedding", index: 0, embedding: [0.1, 0.2] }],
    usage: { prompt_tokens: 4, total_tokens: 4 },
  });
  const client = new OpenAI({ apiKey: "key", baseURL: `${baseURL}/v1` });
  const { calls, messages } = await record(() =>
    client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"], encoding_format: "float" }),
  );
  expect(calls).toMatchObject([
    {
      "gen_ai.operation.name": "embeddings",
      "gen_ai.response.model": "text-embedding-3-small",
      "gen_ai.usage.input_tokens": 4,
    },
  ]);
  expect(calls[0]?.["runledger.response.body"]).toBeUndefined();
  expect(messages[0]?.in).toEqual([
    { role: "user", parts: [{ type: "text", content: "a" }] },
    { role: "user", parts: [{ type: "text", content: "b" }] },
  ]);
});
