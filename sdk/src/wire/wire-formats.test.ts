import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WIRE_FORMATS } from "./wire-formats.ts";

const URLS = [
  "https://api.openai.com/v1/chat/completions",
  "https://api.openai.com/v1/responses",
  "https://api.openai.com/v1/embeddings",
  "https://api.anthropic.com/v1/messages",
  "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
  "http://127.0.0.1:11434/api/chat",
  "https://bedrock-runtime.eu-north-1.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse-stream",
  "https://bedrock-runtime.eu-north-1.amazonaws.com/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
].map((url) => new URL(url));

test("every address of a model API belongs to one format, and others to none", () => {
  for (const url of URLS) expect(WIRE_FORMATS.filter((format) => format.matches(url))).toHaveLength(1);
  for (const other of [
    "https://api.openai.com/v1/models",
    "https://example.com/v1/messages/batches",
    "http://x/api/tags",
  ]) {
    expect(WIRE_FORMATS.filter((format) => format.matches(new URL(other)))).toEqual([]);
  }
});

/** Words that the formats know, in shapes that they don't. */
const word = fc.constantFrom(
  ...[
    "type",
    "role",
    "content",
    "parts",
    "message",
    "messages",
    "delta",
    "index",
    "tool_calls",
    "function",
    "usage",
    "id",
    "name",
  ],
  ...[
    "input_json_delta",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "response",
    "output",
    "item",
    "output_index",
  ],
  ...[
    "candidates",
    "functionCall",
    "args",
    "text",
    "done",
    "__proto__",
    "choices",
    "model",
    "tools",
    "system",
    "contents",
    "input",
  ],
);
const hostile = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    word,
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom(1e308, -1, 999_999_999),
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 4 }),
  object: fc.dictionary(word, tie("value"), { maxKeys: 6 }),
})).object;

test("an index that nobody means does not take memory", () => {
  const call = { index: 4_000_000_000, id: "c", function: { name: "f", arguments: "{}" } };
  const chunk = JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [call] } }] });
  expect(WIRE_FORMATS[0]?.readResponse(`data: ${chunk}\n\n`, true).toolCalls).toEqual([]);
});

describe.each(WIRE_FORMATS.map((format, at) => [format, URLS[at] as URL] as const))("format %#", (format, url) => {
  test("a body of whatever JSON is read or refused with an Error, quickly", () => {
    fc.assert(
      fc.property(hostile, (body) => {
        for (const read of [
          () => format.readRequest(JSON.stringify(body), url),
          () => format.readResponse(JSON.stringify(body), false),
        ]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test.skipIf(url.pathname === "/v1/embeddings")(
    "a stream of whatever events, cut anywhere, gives what came and never throws",
    () => {
      fc.assert(
        fc.property(fc.array(hostile, { maxLength: 6 }), fc.double({ min: 0, max: 1, noNaN: true }), (events, part) => {
          const text = events
            .map((event) =>
              url.pathname === "/api/chat" ? `${JSON.stringify(event)}\n` : `data: ${JSON.stringify(event)}\n\n`,
            )
            .join("");
          format.readResponse(text.slice(0, Math.floor(text.length * part)), true);
        }),
        { numRuns: 300 },
      );
    },
  );
});
