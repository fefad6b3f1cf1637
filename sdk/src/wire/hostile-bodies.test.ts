import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ModelRequest, ModelResponse } from "./wire-format.ts";
import { WIRE_FORMATS } from "./wire-formats.ts";

/** Names that any of the formats has in its bodies. */
const WORDS = `model stream messages role content parts text type input output instructions system tools function name
  parameters description input_schema functionDeclarations tool_calls tool_call_id tool_use_id arguments id call_id item_id
  index delta choices message finish_reason stop_reason usage prompt_tokens completion_tokens input_tokens output_tokens
  prompt_tokens_details cached_tokens cache_read_input_tokens cache_creation_input_tokens output_tokens_details
  reasoning_tokens usageMetadata promptTokenCount candidatesTokenCount thoughtsTokenCount cachedContentTokenCount
  candidates finishReason contents functionCall functionResponse args response error code status content_block
  partial_json thinking signature output_index item data embedding done done_reason prompt_eval_count eval_count
  temperature top_p max_tokens stop seed options __proto__ constructor toString`.split(/\s+/);
const TYPES =
  `text tool_use tool_result thinking message function_call function_call_output reasoning response.completed
  response.output_item.done response.output_text.delta message_start message_delta message_stop content_block_start
  content_block_delta content_block_stop input_json_delta text_delta error ping assistant user tool`.split(/\s+/);

const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    -(2 ** 60),
    1e300,
    "",
    "\ud800",
    "\u0000",
    "{",
    '{"a":1}',
    "[]",
  ),
  fc.constantFrom(...TYPES),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthSize: "small" },
    leaf,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...WORDS), tie("value"), { maxKeys: 6 }),
  ),
}));
const members = fc.dictionary(fc.constantFrom(...WORDS), value, { maxKeys: 8 });

/** Bodies as they are, of any format: asked and answered, in a piece and as the data of events. */
const REAL: object[][] = [
  [
    {
      model: "m",
      stream: true,
      temperature: 1,
      stop: ["x"],
      system: "s",
      instructions: "i",
      tools: [{ type: "function", name: "f", input_schema: {}, function: { name: "f", parameters: {} } }],
      messages: [
        { role: "user", content: [{ type: "text", text: "hi" }] },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: "c", content: "r" },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: [{ type: "text", text: "r" }] }] },
      ],
      input: [
        { type: "function_call_output", call_id: "c", output: "r" },
        { role: "user", content: "x" },
      ],
      contents: [{ role: "user", parts: [{ text: "x" }, { functionResponse: { id: "c", name: "f", response: {} } }] }],
    },
  ],
  [
    {
      id: "i",
      model: "m",
      choices: [
        {
          index: 0,
          finish_reason: "stop",
          message: {
            role: "assistant",
            content: "x",
            tool_calls: [{ id: "c", function: { name: "f", arguments: "{}" } }],
          },
        },
      ],
      usage: {
        prompt_tokens: 9,
        completion_tokens: 2,
        prompt_tokens_details: { cached_tokens: 1 },
        completion_tokens_details: { reasoning_tokens: 1 },
      },
    },
  ],
  [
    {
      id: "i",
      model: "m",
      choices: [
        {
          index: 0,
          delta: {
            role: "assistant",
            content: "x",
            tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: "{" } }],
          },
        },
      ],
    },
    {
      choices: [
        { index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: "}" } }] }, finish_reason: "tool_calls" },
      ],
    },
    { choices: [], usage: { prompt_tokens: 9, completion_tokens: 2 } },
  ],
  [
    {
      type: "message",
      id: "i",
      model: "m",
      status: "completed",
      stop_reason: "end_turn",
      content: [
        { type: "thinking", thinking: "t", signature: "s" },
        { type: "text", text: "x" },
        { type: "tool_use", id: "c", name: "f", input: {} },
      ],
      output: [
        { type: "message", content: [{ type: "output_text", text: "x" }] },
        { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      ],
      usage: {
        input_tokens: 9,
        output_tokens: 2,
        cache_read_input_tokens: 3,
        cache_creation_input_tokens: 4,
        input_tokens_details: { cached_tokens: 1 },
        output_tokens_details: { reasoning_tokens: 1 },
      },
    },
  ],
  [
    {
      type: "message_start",
      message: { id: "i", model: "m", usage: { input_tokens: 9, output_tokens: 1, cache_read_input_tokens: 3 } },
    },
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "c", name: "f", input: {} } },
    { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "{}" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 5 } },
    { type: "message_stop" },
  ],
  [
    {
      responseId: "i",
      modelVersion: "m",
      candidates: [
        {
          index: 0,
          finishReason: "STOP",
          content: { role: "model", parts: [{ text: "x" }, { functionCall: { id: "c", name: "f", args: {} } }] },
        },
      ],
      usageMetadata: {
        promptTokenCount: 9,
        candidatesTokenCount: 2,
        thoughtsTokenCount: 1,
        cachedContentTokenCount: 3,
      },
    },
  ],
  [
    {
      model: "m",
      message: { role: "assistant", content: "x", tool_calls: [{ function: { name: "f", arguments: {} } }] },
      done: true,
      done_reason: "stop",
      prompt_eval_count: 9,
      eval_count: 2,
    },
  ],
  [
    {
      object: "list",
      model: "m",
      data: [{ index: 0, embedding: [1, 2] }],
      usage: { prompt_tokens: 9, total_tokens: 9 },
    },
  ],
];

type Tree = Record<string, unknown>;
const changed = fc
  .tuple(fc.constantFrom(...REAL), fc.array(fc.tuple(fc.nat(10_000), fc.oneof(leaf, value)), { maxLength: 4 }))
  .map(([events, changes]) => {
    const root: Tree = { events: structuredClone(events) };
    for (const [at, put] of changes) {
      const places: [Tree, string][] = [];
      const visit = (node: unknown) => {
        if (typeof node !== "object" || node === null) return;
        for (const [key, member] of Object.entries(node)) {
          places.push([node as Tree, key]);
          visit(member);
        }
      };
      visit(root["events"]);
      const [parent, key] = places[at % places.length] ?? [root, "events"];
      parent[key] = put;
    }
    return Object.values(root["events"] as object);
  });

const body = fc.oneof(
  { weight: 4, arbitrary: changed.map((events) => JSON.stringify(events[0] ?? null)) },
  {
    weight: 4,
    arbitrary: changed.map((events) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")),
  },
  { weight: 2, arbitrary: changed.map((events) => events.map((event) => JSON.stringify(event)).join("\n")) },
  { weight: 2, arbitrary: members.map((given) => JSON.stringify(given)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "null", "[]", "data: [DONE]\n\n", "data: {\n\n", '"x"', "[".repeat(5_000)),
  },
);

/** Reads, or refuses by an Error. */
function read<Result>(act: () => Result): Result | null {
  try {
    return act();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return null;
  }
}

function checkRequest(request: ModelRequest): void {
  JSON.stringify(request);
  expect(typeof request.operation).toBe("string");
  expect(["string", "undefined"]).toContain(typeof request.model);
  expect(typeof request.stream).toBe("boolean");
  for (const { callId } of request.toolResults) expect(typeof callId).toBe("string");
}

function checkResponse(response: ModelResponse): void {
  JSON.stringify(response);
  for (const text of [response.id, response.model]) expect(["string", "undefined"]).toContain(typeof text);
  for (const reason of response.finishReasons) expect(typeof reason).toBe("string");
  for (const { callId, name, arguments: given } of response.toolCalls)
    expect([typeof callId, typeof name, typeof given]).toEqual(["string", "string", "string"]);
  // A count that is none would cost the whole span: collectors refuse it.
  for (const count of Object.values(response.usage ?? {}))
    if (count !== undefined) expect(Number.isSafeInteger(count) && count >= 0, `usage ${String(count)}`).toBe(true);
}

describe("any body of a model API", () => {
  it.each(WIRE_FORMATS.map((format) => [format.provider, format] as const))(
    "is read or refused, whatever it holds: %s",
    (_provider, format) => {
      const url = new URL("http://127.0.0.1/v1beta/models/some-model:streamGenerateContent");
      fc.assert(
        fc.property(body, fc.boolean(), (text, stream) => {
          const request = read(() => format.readRequest(text, url));
          if (request !== null) checkRequest(request);
          const response = read(() => format.readResponse(text, stream));
          if (response !== null) checkResponse(response);
        }),
        { numRuns: 300 },
      );
    },
  );
});
