import { describe, expect, test } from "vitest";
import { messagesOfEvent } from "./genai-message-events.ts";

const of = (name: string, body: unknown, attributes = {}) => messagesOfEvent(name, body, attributes);

describe("an event of a message", () => {
  test.each([
    ["gen_ai.system.message", "system_prompt", "system"],
    ["gen_ai.user.message", "messages", "user"],
    ["gen_ai.assistant.message", "messages", "assistant"],
  ])("%s goes to %s, with the role of its name", (name, place, role) => {
    expect(of(name, { content: "hello" })).toEqual({
      place,
      messages: [{ role, parts: [{ type: "text", content: "hello" }] }],
    });
  });

  test("is the same from JSON text, and from the attributes of a span's event", () => {
    const expected = of("gen_ai.user.message", { role: "developer", content: "hello" });
    const text = JSON.stringify({ role: "developer", content: "hello" });
    expect(of("gen_ai.user.message", text)).toEqual(expected);
    expect(of("gen_ai.user.message", null, { "gen_ai.event.content": text, other: 1 })).toEqual(expected);
    expect(of("gen_ai.user.message", null, { role: "developer", content: "hello", other: 1 })).toEqual(expected);
  });

  test("keeps the tool calls that the model asked for, and what it doesn't know", () => {
    const call = { id: "c1", type: "function", function: { name: "add", arguments: '{"a":1}' } };
    expect(of("gen_ai.assistant.message", { tool_calls: [call], refusal: "No." })?.messages).toEqual([
      {
        role: "assistant",
        refusal: "No.",
        parts: [{ type: "tool_call", id: "c1", name: "add", arguments: { a: 1 } }],
      },
    ]);
  });

  test("keeps arguments whose numbers would lose digits as text", () => {
    const call = { id: "c1", function: { name: "add", arguments: '{"a":12345678901234567890}' } };
    expect(of("gen_ai.assistant.message", { tool_calls: [call] })?.messages[0]?.parts[0]).toMatchObject({
      arguments: '{"a":12345678901234567890}',
    });
  });

  test("makes a tool's message the response to its call", () => {
    expect(of("gen_ai.tool.message", { id: "c1", content: '{"sum":3}' })?.messages).toEqual([
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: '{"sum":3}' }] },
    ]);
  });

  test("makes a choice a response with its finish reason", () => {
    const choice = { index: 0, finish_reason: "stop", message: { role: "assistant", content: "four" } };
    expect(of("gen_ai.choice", choice)).toEqual({
      place: "response",
      messages: [{ index: 0, finish_reason: "stop", role: "assistant", parts: [{ type: "text", content: "four" }] }],
    });
    const calls = [{ id: "c1", type: "function", function: { name: "add", arguments: "{}" } }];
    expect(of("gen_ai.choice", { finish_reason: "tool_calls", message: { content: null, tool_calls: calls } })).toEqual(
      of("gen_ai.choice", { finish_reason: "tool_calls", message: { content: null }, tool_calls: calls }),
    );
  });

  test("has no messages when the instrumentation keeps content to itself", () => {
    expect(of("gen_ai.user.message", null, { "gen_ai.system": "openai" })).toEqual({ place: "messages", messages: [] });
  });

  test("has its parts in the conventions' form, whatever the provider's", () => {
    const content = [
      { type: "text", text: "look", cache: true },
      { type: "image_url", image_url: { url: "https://example.com/a.png", detail: "low" } },
      { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
      { type: "input_audio", input_audio: { data: "AAAA", format: { toString: null } } },
      { type: "tool_use", id: "t1", name: "add", input: { a: 1 } },
      { type: "tool_result", tool_use_id: "t1", content: "3" },
      { text: "bedrock" },
      { toolUse: { toolUseId: "t2", name: "mul", input: {} } },
      { toolResult: { toolUseId: "t2", content: [{ text: "0" }], status: "success" } },
      { type: "new_part", x: 1 },
      "plain",
    ];
    expect(of("gen_ai.user.message", { content })?.messages[0]?.parts).toEqual([
      { type: "text", content: "look", cache: true },
      { type: "uri", modality: "image", uri: "https://example.com/a.png", detail: "low" },
      { type: "blob", modality: "audio", mime_type: "audio/wav", content: "AAAA" },
      { type: "blob", modality: "audio", format: { toString: null }, content: "AAAA" },
      { type: "tool_call", id: "t1", name: "add", arguments: { a: 1 } },
      { type: "tool_call_response", id: "t1", response: "3" },
      { type: "text", content: "bedrock" },
      { type: "tool_call", id: "t2", name: "mul", arguments: {} },
      { type: "tool_call_response", id: "t2", response: [{ text: "0" }], status: "success" },
      { type: "new_part", x: 1 },
      { type: "text", content: "plain" },
    ]);
  });
});

test.each([
  ["OpenAI, by id", { type: "file", file: { file_id: "f1" } }, { type: "file", modality: "document", file_id: "f1" }],
  [
    "OpenAI, by bytes",
    { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" },
    { type: "uri", modality: "document", uri: "data:application/pdf;base64,AAAA", filename: "a.pdf" },
  ],
  [
    "OpenAI, a picture's id",
    { type: "input_image", file_id: "f1", detail: "low" },
    { type: "file", modality: "image", file_id: "f1", detail: "low" },
  ],
  [
    "Anthropic",
    { type: "document", title: "T", source: { type: "base64", media_type: "application/pdf", data: "AAAA" } },
    { type: "blob", modality: "document", mime_type: "application/pdf", content: "AAAA", title: "T" },
  ],
  [
    "Anthropic, a text",
    { type: "document", source: { type: "text", media_type: "text/plain", data: "words" } },
    { type: "text", mime_type: "text/plain", content: "words" },
  ],
  [
    "Anthropic, an address",
    { type: "image", source: { type: "url", url: "https://x/y.png" } },
    { type: "uri", modality: "image", uri: "https://x/y.png" },
  ],
  [
    "Gemini",
    { inlineData: { mimeType: "image/png", data: "AAAA" } },
    { type: "blob", modality: "image", mime_type: "image/png", content: "AAAA" },
  ],
  [
    "Gemini, an address",
    { file_data: { mime_type: "video/mp4", file_uri: "gs://b/v.mp4" } },
    { type: "uri", modality: "video", mime_type: "video/mp4", uri: "gs://b/v.mp4" },
  ],
  [
    "Gemini, a call",
    { functionCall: { name: "f", args: { a: 1 } } },
    { type: "tool_call", name: "f", arguments: { a: 1 } },
  ],
  [
    "Gemini, a result",
    { functionResponse: { name: "f", response: { a: 1 } } },
    { type: "tool_call_response", name: "f", response: { a: 1 } },
  ],
  ["Gemini, a thought", { text: "hm", thought: true }, { type: "reasoning", content: "hm" }],
  [
    "Bedrock",
    { document: { format: "pdf", name: "d", source: { bytes: "AAAA" } } },
    { type: "blob", modality: "document", mime_type: "application/pdf", content: "AAAA", name: "d" },
  ],
  [
    "Bedrock, a thought",
    { reasoningContent: { reasoningText: { text: "hm", signature: "s" } } },
    { type: "reasoning", content: "hm", signature: "s" },
  ],
  [
    "LangChain",
    { type: "audio", mimeType: "audio/wav", data: "AAAA" },
    { type: "blob", modality: "audio", mime_type: "audio/wav", content: "AAAA" },
  ],
  ["what says nothing of it", { type: "file", file: { toString: null } }, { type: "file", file: { toString: null } }],
])("files and calls in the words of %s are in the conventions' form", (_who, sent, kept) => {
  expect(of("gen_ai.user.message", { content: [sent] })?.messages[0]?.parts).toEqual([kept]);
});

test("the older events hold all messages in one attribute", () => {
  const prompt = JSON.stringify([
    { role: "system", content: "be kind" },
    { role: "user", content: "hi" },
  ]);
  expect(of("gen_ai.content.prompt", null, { "gen_ai.prompt": prompt })?.messages).toMatchObject([
    { role: "system", parts: [{ content: "be kind" }] },
    { role: "user", parts: [{ content: "hi" }] },
  ]);
  expect(of("gen_ai.content.completion", null, { "gen_ai.completion": "hello" })).toEqual({
    place: "response",
    messages: [{ role: "assistant", parts: [{ type: "text", content: "hello" }] }],
  });
});

test("any other event has none", () => {
  expect(of("exception", { content: "x" })).toBeNull();
  expect(of("__proto__", { content: "x" })).toBeNull();
});
