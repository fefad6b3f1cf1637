import { expect, test } from "vitest";
import { inputPreview, outputPreview } from "./preview.ts";

test("a preview has the words of a message, of its parts and of what it calls", () => {
  const call = { type: "tool_call", name: "search", arguments: { q: "x" } };
  const message = { role: "assistant", parts: [{ type: "text", content: "let me look" }, call] };
  expect(outputPreview({ response: JSON.stringify([message]) })).toBe('let me look search({"q":"x"})');
});

test.each([
  ["nested deeper than the stack", `${"[".repeat(20_000)}${"]".repeat(20_000)}`],
  ["a name that can't be text", '{"type":"tool_call","name":{"toString":1}}'],
  [
    "arguments nested deeper than the stack",
    `{"type":"tool_call","arguments":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
  ],
  ["no JSON", "plain"],
])("%s is shown as it is: what a client sends must not stop the collector", (_what, text) => {
  expect(inputPreview({ messages: [text] })).toBe(text.slice(0, inputPreview({ messages: [text] }).length));
  expect(inputPreview({ messages: [text] })).not.toBe("");
});
