import { expect, test } from "vitest";
import { argumentsHash, sha256Hex } from "./content-hash.ts";
import { toolTalkOf } from "./tool-talk.ts";

const call = (id: string) => ({ type: "tool_call", id, name: "search", arguments: { b: 1, a: 2 } });
const answer = (...parts: object[]) => JSON.stringify({ role: "assistant", parts });
const result = (id: string, response: unknown) =>
  JSON.stringify({ role: "tool", parts: [{ type: "tool_call_response", id, response }] });

test("the calls a model asks for are read from its answer, their arguments hashed whatever their order", () => {
  const { tool_requests } = toolTalkOf({ response: `[${answer({ type: "text", content: "hm" }, call("c1"))}]` });
  expect(tool_requests).toEqual([{ call_id: "c1", name: "search", arguments_sha256: argumentsHash('{"a":2,"b":1}') }]);
});

test("only the results behind the model's last answer are new", () => {
  const messages = [answer(call("c1")), result("c1", "old"), answer(call("c2")), result("c2", { ok: true })];
  expect(toolTalkOf({ messages }).tool_results).toEqual([
    { call_id: "c2", result_sha256: sha256Hex('{"ok":true}'), result_bytes: 11 },
  ]);
});

test("a result without id is its tool's by name, in order; what nobody says whose it is matches nothing", () => {
  const part = (response: string, more: object) => ({ type: "tool_call_response", response, ...more });
  const given = { role: "tool", parts: [part("1", { name: "w" }), part("2", { name: "w", id: null }), part("3", {})] };
  expect(toolTalkOf({ messages: [JSON.stringify(given)] }).tool_results).toEqual([
    { call_id: "", name: "w", result_sha256: sha256Hex("1"), result_bytes: 1 },
    { call_id: "", name: "w", result_sha256: sha256Hex("2"), result_bytes: 1 },
  ]);
});

test.each([
  ["is_error", { is_error: true }, true],
  ["the AI SDK's older word", { isError: true }, true],
  ["Bedrock's", { status: "error" }, true],
  ["MCP's, in the result", { response: { isError: true, content: [] } }, true],
  ["nothing", {}, false],
  ["that it is none", { is_error: false, status: "success" }, false],
])("whether a result is an error is read from its message: %s", (_, more, isError) => {
  const part = { type: "tool_call_response", id: "c1", response: "no", ...more };
  const [found] = toolTalkOf({ messages: [JSON.stringify({ role: "tool", parts: [part] })] }).tool_results;
  expect(found?.is_error).toBe(isError ? true : undefined);
  const message = { role: "tool", status: isError ? "error" : "success", parts: [{ ...part, ...{ is_error: false } }] };
  if (isError) expect(toolTalkOf({ messages: [JSON.stringify(message)] }).tool_results[0]?.is_error).toBe(true);
});

test("words that look like JSON have one hash, as the tool's result and as what the model was given of it", () => {
  const words = "{'found': ['Oslo', nan]}"; // as Python writes it
  expect(toolTalkOf({ messages: [result("c1", words)] }).tool_results).toEqual([
    { call_id: "c1", result_sha256: sha256Hex(words), result_bytes: words.length },
  ]);
  const asked = answer({ type: "tool_call", id: "c1", name: "search", arguments: words });
  expect(toolTalkOf({ response: `[${asked}]` }).tool_requests[0]?.arguments_sha256).toBe(argumentsHash(words));
});

test("of one call at most 128 requests and results are matched, in however few messages they come", () => {
  const ids = Array.from({ length: 1_500 }, (_, n) => `c${n}`);
  const part = (id: string) => ({ type: "tool_call_response", id, response: 1 });
  const messages = [JSON.stringify({ role: "tool", parts: ids.map(part) })];
  const { tool_requests, tool_results } = toolTalkOf({ response: `[${answer(...ids.map(call))}]`, messages });
  expect([tool_requests.length, tool_results.length]).toEqual([128, 128]);
});

test("what is not in the form of the conventions matches nothing and fails nothing", () => {
  const messages = [
    '"tool_call_response"',
    "{not json tool_call_response",
    '{"parts":[null,1,{"type":"tool_call_response"}]}',
  ];
  expect(toolTalkOf({ response: '["tool_call"', messages })).toEqual({ tool_requests: [], tool_results: [] });
  expect(toolTalkOf({})).toEqual({ tool_requests: [], tool_results: [] });
});
