import fc from "fast-check";
import { expect, test } from "vitest";
import { chunk } from "../testing/model-server.ts";
import { openaiChat } from "./openai-chat.ts";

const readRequest = (body: string) => openaiChat.readRequest(body, new URL("http://localhost/v1/chat/completions"));
const DONE = "data: [DONE]\n\n";
const toolDelta = (index: number, id: string | undefined, name: string | undefined, args: string) =>
  chunk({
    tool_calls: [{ index, ...(id && { id, type: "function" }), function: { ...(name && { name }), arguments: args } }],
  });

test("tool calls of a stream are put together from their pieces", () => {
  const transcript = [
    chunk({ role: "assistant", content: null }),
    toolDelta(0, "call_1", "look", ""),
    toolDelta(0, undefined, undefined, '{"a"'),
    toolDelta(1, "call_2", "find", '{"b":2}'),
    toolDelta(0, undefined, undefined, ":1}"),
    chunk({}, { finish_reason: "tool_calls" }),
    DONE,
  ].join("");
  const response = openaiChat.readResponse(transcript, true);
  expect(response.toolCalls).toEqual([
    { callId: "call_1", name: "look", arguments: '{"a":1}' },
    { callId: "call_2", name: "find", arguments: '{"b":2}' },
  ]);
  expect(response).toMatchObject({
    id: "chatcmpl-2",
    model: "gpt-4o-2024-08-06",
    finishReasons: ["tool_calls"],
    complete: true,
  });
  expect(response.messages[0]?.parts).toEqual([
    { type: "tool_call", id: "call_1", name: "look", arguments: { a: 1 } },
    { type: "tool_call", id: "call_2", name: "find", arguments: { b: 2 } },
  ]);
});

test("usage comes from a last chunk without choices, cached and reasoning tokens as parts", () => {
  const usage = {
    prompt_tokens: 9,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 3 },
  };
  const last = `data: ${JSON.stringify({ id: "x", choices: [], usage })}\n\n`;
  expect(openaiChat.readResponse(chunk({ content: "a" }) + last + DONE, true).usage).toEqual({
    inputTokens: 9,
    outputTokens: 5,
    cacheReadTokens: 4,
    reasoningTokens: 3,
  });
});

test("a stream cut anywhere gives what came until then, and never throws", () => {
  const transcript =
    chunk({ role: "assistant", content: "" }) + chunk({ content: "Grüße " }) + chunk({ content: "an dich" }) + DONE;
  fc.assert(
    fc.property(fc.nat(transcript.length), (length) => {
      const response = openaiChat.readResponse(transcript.slice(0, length), true);
      const said = response.messages[0]?.parts[0]?.["content"] ?? "";
      expect("Grüße an dich".startsWith(String(said))).toBe(true);
      expect(response.complete).toBe(length >= transcript.length - 2);
    }),
  );
});

test("an error within a stream is the call's error", () => {
  const transcript = `${chunk({ content: "x" })}data: {"error":{"message":"overloaded","type":"server_error"}}\n\n`;
  expect(openaiChat.readResponse(transcript, true).error).toEqual({ type: "server_error", message: "overloaded" });
});

test("streams with carriage returns, comments and several choices are read", () => {
  const two = chunk({ content: "second" }, { index: 1 }).replaceAll("\n", "\r\n");
  const transcript = `: keep-alive\r\n\r\n${chunk({ content: "first" }).replaceAll("\n", "\r\n")}${two}data: [DONE]\r\n\r\n`;
  const response = openaiChat.readResponse(transcript, true);
  expect(response.messages.map((message) => message.parts[0]?.["content"])).toEqual(["first", "second"]);
});

test("a history is the same when a client leaves on an answer what says nothing", () => {
  const messagesOf = (more: object) => {
    const answer = { role: "assistant", content: "Hi.", ...more };
    return readRequest(JSON.stringify({ messages: [answer, { role: "user", content: "And now?" }] })).messages;
  };
  const left = { refusal: null, annotations: [], audio: null, function_call: null };
  expect(JSON.stringify(messagesOf(left))).toBe(JSON.stringify(messagesOf({})));
  expect(messagesOf({ annotations: [{ type: "url_citation" }] })).toMatchObject([{ annotations: [{}] }, {}]);
});

test("messages keep their order, their roles and what the conventions have no word for", () => {
  const request = readRequest(
    JSON.stringify({
      model: "gpt-4o",
      messages: [
        { role: "developer", content: "Rules." },
        {
          role: "user",
          name: "ann",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: "https://x/y.png", detail: "low" } },
            { type: "file", file: { file_id: "f1" } },
          ],
        },
        { role: "system", content: "Late rule." },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "not json" } }],
        },
        { role: "tool", tool_call_id: "c1", content: "seen" },
        "no message at all",
      ],
      tools: [
        {
          type: "function",
          function: { name: "look", description: "Look", strict: true, parameters: { type: "object" } },
        },
      ],
      stop: "END",
      max_completion_tokens: 5,
      tool_choice: { type: "function", function: { name: "look" } },
    }),
  );
  expect(request.systemInstructions).toEqual([{ type: "text", content: "Rules." }]);
  expect(request.messages).toEqual([
    {
      role: "user",
      name: "ann",
      parts: [
        { type: "text", content: "What is this?" },
        { type: "uri", modality: "image", uri: "https://x/y.png", detail: "low" },
        { type: "file", file: { file_id: "f1" } },
      ],
    },
    { role: "system", parts: [{ type: "text", content: "Late rule." }] },
    { role: "assistant", parts: [{ type: "tool_call", id: "c1", name: "look", arguments: "not json" }] },
    { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "seen" }] },
    { role: "unknown", parts: [{ type: "other", content: "no message at all" }] },
  ]);
  expect(request.toolDefinitions).toEqual([
    { type: "function", name: "look", description: "Look", strict: true, parameters: { type: "object" } },
  ]);
  expect(request.toolResults).toEqual([{ callId: "c1", result: "seen" }]);
  expect(request.parameters).toEqual({
    "gen_ai.request.stop_sequences": ["END"],
    "gen_ai.request.max_tokens": 5,
    "openai.request.tool_choice": '{"type":"function","function":{"name":"look"}}',
  });
});

test("only chat completions are ours", () => {
  const matches = (url: string) => openaiChat.matches(new URL(url));
  expect(matches("https://api.openai.com/v1/chat/completions")).toBe(true);
  expect(matches("https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1")).toBe(true);
  expect(matches("https://api.openai.com/v1/embeddings")).toBe(false);
});
