import { expect, it } from "vitest";
import { itemsSaid } from "./provider-request.ts";

const INSTRUCTED = { role: "system", parts: [{ type: "text", content: "Be brief." }] };

it("reads the items that OpenAI's agents SDK hands to the model, whose flattened keys leave out the model's words and pictures", () => {
  const said = itemsSaid(
    [
      { role: "user", content: [{ type: "input_image", image: "https://example.com/a.png" }] },
      { role: "assistant", status: "completed", content: [{ type: "output_text", text: "A cat." }] },
      { type: "function_call", id: "fc_1", callId: "call_1", name: "feed", arguments: '{"n":1}' },
      { type: "function_call_result", callId: "call_1", name: "feed", output: { type: "text", text: "fed" } },
    ],
    () => [INSTRUCTED],
  );
  expect(said?.messages).toEqual([
    INSTRUCTED,
    { role: "user", parts: [{ type: "uri", modality: "image", uri: "https://example.com/a.png" }] },
    { role: "assistant", status: "completed", parts: [{ type: "text", content: "A cat." }] },
    { role: "assistant", parts: [{ type: "tool_call", id: "call_1", name: "feed", arguments: { n: 1 } }] },
    { role: "tool", parts: [{ type: "tool_call_response", id: "call_1", name: "feed", response: "fed" }] },
  ]);
});

it("leaves the instructions where the items have them, and other lists alone", () => {
  const system = { role: "system", content: "Be exact." };
  expect(itemsSaid([system], () => [INSTRUCTED])?.messages).toEqual([
    { role: "system", parts: [{ type: "text", content: "Be exact." }] },
  ]);
  for (const other of [[], ["a text"], [{ id: "doc-1" }], { role: "user" }])
    expect(itemsSaid(other, () => [])).toBeNull();
});
