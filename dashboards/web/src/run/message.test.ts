import { describe, expect, it } from "vitest";
import { readMessage, readText } from "./message.ts";

describe("reading a message", () => {
  it("reads OpenTelemetry's parts", () => {
    const message = {
      role: "assistant",
      parts: [
        { type: "text", content: "one moment" },
        { type: "tool_call", id: "c1", name: "find", arguments: { q: "x" } },
      ],
    };
    expect(readMessage(message).parts).toEqual([
      { type: "text", text: "one moment" },
      { type: "call", id: "c1", name: "find", arguments: { q: "x" } },
    ]);
  });

  it("reads OpenAI's tool calls and their results", () => {
    const asked = {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "find", arguments: '{"q":1}' } }],
    };
    expect(readMessage(asked).parts).toEqual([{ type: "call", id: "c1", name: "find", arguments: '{"q":1}' }]);
    const answered = { role: "tool", tool_call_id: "c1", content: "[]" };
    expect(readMessage(answered).parts).toEqual([{ type: "result", id: "c1", value: "[]" }]);
  });

  it("reads a choice of an OpenAI response", () => {
    const choice = { index: 0, finish_reason: "stop", message: { role: "assistant", content: "done" } };
    expect(readMessage(choice)).toEqual({ role: "assistant", parts: [{ type: "text", text: "done" }] });
  });

  it("reads Anthropic's blocks", () => {
    const content = [
      { type: "thinking", thinking: "hm" },
      { type: "tool_use", id: "t1", name: "find", input: { q: 1 } },
      { type: "tool_result", tool_use_id: "t1", content: "none" },
    ];
    expect(readMessage({ role: "user", content }).parts).toEqual([
      { type: "reasoning", text: "hm" },
      { type: "call", id: "t1", name: "find", arguments: { q: 1 } },
      { type: "result", id: "t1", value: "none" },
    ]);
  });

  it("reads files: draws pictures that are whole in the message, and says where others are", () => {
    const parts = [
      { type: "blob", modality: "image", mime_type: "image/png", content: "AAAAAAA=" },
      { type: "uri", modality: "image", uri: "data:image/jpeg;base64,AAAA" },
      { type: "uri", modality: "image", uri: "https://x/y.png" },
      { type: "file", modality: "document", file_id: "file-7", filename: "a.pdf" },
      { type: "blob", modality: "image", mime_type: "image/svg+xml", content: "AAAA" },
      { type: "uri", modality: "image", uri: "data:text/html;base64,AAAA" },
    ];
    expect(readMessage({ role: "user", parts }).parts).toMatchObject([
      { type: "file", label: "image · image/png · 5 B", picture: "data:image/png;base64,AAAAAAA=", place: null },
      { label: "image · image/jpeg · 3 B", picture: "data:image/jpeg;base64,AAAA", place: null },
      { label: "image", picture: null, place: "https://x/y.png" },
      { label: "document · a.pdf", picture: null, place: "file-7", value: parts[3] },
      { label: "image · image/svg+xml · 3 B", picture: null, place: null },
      { label: "image · text/html · 3 B", picture: null, place: null },
    ]);
  });

  it.each([
    [7],
    [null],
    [{ odd: true }],
    [{ role: "user", parts: [{ type: "blob", modality: "image" }] }],
    [{ role: "user", content: { deep: 1 } }],
  ])("keeps what it does not know: %j", (raw) => {
    expect(readMessage(raw).parts).toMatchObject([{ type: "other" }]);
  });

  it("joins a system prompt of text parts and refuses any other", () => {
    expect(readText([{ type: "text", content: "a" }, "b"])).toBe("a\n\nb");
    expect(readText([{ type: "image" }])).toBeNull();
    expect(readText({ a: 1 })).toBeNull();
  });
});
