import { describe, expect, it } from "vitest";
import { responseSaid } from "./provider-answer.ts";
import { requestSaid } from "./provider-request.ts";

const text = (content: string) => ({ type: "text", content });

describe("a request body", () => {
  it("of Anthropic keeps the system prompt apart and every result of parallel calls", () => {
    const said = requestSaid({
      model: "claude",
      system: "Rules.",
      messages: [
        {
          role: "user",
          content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } }],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "t1", content: "1" },
            { type: "tool_result", tool_use_id: "t2", content: "2", is_error: true },
          ],
        },
      ],
    });
    expect(said).toMatchObject({ exact: true, model: "claude", stream: false, system: "Rules." });
    expect(said?.messages[0]?.parts).toMatchObject([{ type: "blob", mime_type: "image/png", content: "aGk=" }]);
    expect(said?.messages[1]?.parts).toMatchObject([
      { type: "tool_call_response", id: "t1", response: "1" },
      { type: "tool_call_response", id: "t2", response: "2", is_error: true },
    ]);
  });

  it("of OpenAI's responses is read item by item", () => {
    const said = requestSaid({
      model: "gpt-4o",
      instructions: "Rules.",
      input: [
        { role: "user", content: "Hi" },
        { type: "function_call", call_id: "c1", name: "look", arguments: '{"at":1}' },
        { type: "function_call_output", call_id: "c1", output: "seen" },
      ],
      stream: true,
    });
    expect(said).toMatchObject({ system: "Rules.", stream: true, operation: "chat" });
    expect(said?.messages).toMatchObject([
      { role: "user", parts: [text("Hi")] },
      { role: "assistant", parts: [{ type: "tool_call", id: "c1", name: "look", arguments: { at: 1 } }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "seen" }] },
    ]);
  });

  it("of LangChain is its first list of serialised messages, and does not know of streaming", () => {
    const message = (name: string, kwargs: object) => ({
      lc: 1,
      type: "constructor",
      id: ["langchain_core", "messages", name],
      kwargs,
    });
    const said = requestSaid({
      messages: [
        [
          message("SystemMessage", { content: "Rules." }),
          message("HumanMessage", { content: [{ type: "text", text: "Hi" }] }),
          message("AIMessageChunk", {
            content: "",
            tool_calls: [{ id: "c1", name: "look", args: { at: 1 } }],
            name: "bot",
          }),
          message("ToolMessage", { content: "seen", tool_call_id: "c1", status: "success" }),
        ],
      ],
    });
    expect(said?.exact).toBe(false);
    expect(said?.messages).toEqual([
      { role: "system", parts: [text("Rules.")] },
      { role: "user", parts: [text("Hi")] },
      { role: "assistant", name: "bot", parts: [{ type: "tool_call", id: "c1", name: "look", arguments: { at: 1 } }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "seen" }] },
    ]);
  });

  it.each([[null], ["text"], [[]], [{}], [{ input: "a chain's" }], [{ model: "m" }]])("is none: %j", (body) => {
    expect(requestSaid(body)).toBeNull();
  });
});

describe("an answer's body", () => {
  it("of Anthropic counts cached tokens as input", () => {
    const said = responseSaid({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude-1",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "s" },
        { type: "tool_use", id: "t1", name: "look", input: { at: 1 } },
      ],
      stop_reason: "tool_use",
      usage: { input_tokens: 10, cache_read_input_tokens: 100, cache_creation_input_tokens: 5, output_tokens: 7 },
    });
    expect(said).toMatchObject({
      id: "msg_1",
      model: "claude-1",
      finishReasons: ["tool_use"],
      usage: { input: 115, output: 7, cacheRead: 100, cacheWrite: 5, reasoning: null },
      messages: [
        {
          role: "assistant",
          finish_reason: "tool_use",
          parts: [
            { type: "reasoning", content: "Hm.", signature: "s" },
            { type: "tool_call", id: "t1", name: "look", arguments: { at: 1 } },
          ],
        },
      ],
    });
  });

  it("of OpenAI's chat has all choices", () => {
    const said = responseSaid({
      id: "chatcmpl-1",
      choices: [
        { message: { role: "assistant", content: "A" }, finish_reason: "stop" },
        { message: { role: "assistant", content: "B" }, finish_reason: "length" },
      ],
    });
    expect(said?.finishReasons).toEqual(["stop", "length"]);
    expect(said?.messages.map(({ parts }) => parts)).toEqual([[text("A")], [text("B")]]);
    expect(said?.usage.input).toBeNull();
  });

  it("of LangChain has the provider's id, not that of LangChain's run", () => {
    const answer = (id: string) => ({
      generations: [
        [
          {
            text: "A",
            message: { kwargs: { id, content: "A", usage_metadata: { input_tokens: 3 } }, id: ["AIMessage"] },
          },
        ],
      ],
    });
    expect(responseSaid(answer("chatcmpl-1"))).toMatchObject({ id: "chatcmpl-1", usage: { input: 3 } });
    expect(responseSaid(answer("run-0198"))?.id).toBeNull();
  });
});
