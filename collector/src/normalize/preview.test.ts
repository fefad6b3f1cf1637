import { PREVIEW_CHARS } from "@runledger/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import { wordsOf } from "./json-words.ts";
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
  [
    "a call whose arguments can't be written",
    `{"type":"tool_call","name":"x","arguments":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
  ],
  ["no JSON", "plain"],
])("%s is shown as it is: what a client sends must not stop the collector", (_what, text) => {
  expect(inputPreview({ messages: [text] })).toBe(text.slice(0, inputPreview({ messages: [text] }).length));
  expect(inputPreview({ messages: [text] })).not.toBe("");
});

const key = fc.constantFrom("parts", "content", "text", "response", "result", "type", "name", "arguments", "role", "x");
const { said } = fc.letrec<{ said: unknown }>((tie) => ({
  said: fc.oneof(
    { maxDepth: 4 },
    fc.string({ maxLength: 8, unit: "binary" }),
    fc.constantFrom<unknown>(null, 1, true, "tool_call", 'a "quoted\\" one', "\n", {}, []),
    fc.array(tie("said"), { maxLength: 3 }),
    fc.dictionary(key, tie("said"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

test("what a text says is found without parsing it, and is what the parsed one says", () => {
  fc.assert(
    fc.property(said, fc.constantFrom(undefined, 1), (value, indent) => {
      const json = JSON.stringify(value, null, indent);
      fc.pre(json.length < 1_000 && !(indent && json.includes("tool_call")));
      expect(outputPreview({ result: json })).toBe(
        (wordsOf(JSON.parse(json)) ?? json).slice(0, PREVIEW_CHARS).toWellFormed(),
      );
    }),
    { numRuns: 2_000 },
  );
});

test("what a preview is cut from is never read whole, nor taken for JSON where it is none", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('"', "\\", "{", "}", "[", "]", ",", ":", '"text"', "a ", "null"), { maxLength: 40 }),
      (pieces) => {
        const json = pieces.join("");
        expect(outputPreview({ result: json }).length).toBeLessThanOrEqual(PREVIEW_CHARS);
      },
    ),
    { numRuns: 5_000 },
  );
  const long = JSON.stringify([{ role: "user", parts: [{ type: "text", content: 'a"\u00e9\\'.repeat(500_000) }] }]);
  expect(outputPreview({ result: long })).toBe('a"\u00e9\\'.repeat(50));
  expect(outputPreview({ result: `{"messages":[${"1,".repeat(900)}1],"text":"too far behind"}` })).toMatch(
    /^\{"messages"/,
  );
});
