import { describe, expect, it } from "vitest";
import { langfuse } from "./langfuse.ts";
import { langfuseTokens } from "./langfuse-usage.ts";
import { createAttributeReader, type SpanView } from "./span-view.ts";

function read(attributes: Record<string, unknown>, more: Partial<SpanView> = {}) {
  const span: SpanView = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "span name",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(
      Object.entries(attributes).map(([key, value]) => [
        key.includes(".") ? key : `langfuse.observation.${key}`,
        value,
      ]),
    ),
    events: [],
    links: [],
    ...more,
  };
  const reader = createAttributeReader(span.attributes);
  const facts = langfuse.read(span, reader, { name: "langfuse-sdk", version: "5" });
  return { claimed: langfuse.claims(span.attributes), ...facts, rest: reader.rest() };
}

const generation = (input: unknown, more: Record<string, unknown> = {}) =>
  read({ type: "generation", input: typeof input === "string" ? input : JSON.stringify(input), ...more });
const messagesOf = (input: unknown) => generation(input).content.messages?.map((text) => JSON.parse(text));

describe("an observation", () => {
  it("is left to the words of another instrumentation that it is beside", () => {
    expect(read({ type: "generation" }).claimed).toBe(true);
    expect(read({ type: "generation", "gen_ai.operation.name": "chat" }).claimed).toBe(false);
    expect(read({ "langfuse.trace.name": "x" }).claimed).toBe(false);
  });

  it.each([
    ["agent", "agent", "invoke_agent"],
    ["retriever", "other", "retrieval"],
    ["guardrail", "guardrail", "guardrail"],
    ["constructor", "other", "constructor"],
  ])("%s is of kind %s", (type, kind, operation) => {
    expect(read({ type })).toMatchObject({ kind, operation });
  });

  it("fails by its level, and a failed root fails the run", () => {
    const failed = { level: "ERROR", status_message: "no" };
    expect(read({ type: "tool", ...failed }).error).toEqual({ type: "error", message: "no" });
    expect(read({ type: "span", ...failed }, { parentSpanId: null })).toMatchObject({
      event: "run_end",
      end: { status: "failed", reason: "no" },
      run: { task_type: "span name" },
    });
    const warned = read({ type: "tool", level: "WARNING", status_message: "slow" });
    expect(warned.error).toBeNull();
    expect(warned.rest).toEqual({
      "langfuse.observation.level": "WARNING",
      "langfuse.observation.status_message": "slow",
    });
  });

  it("has no time to the first token that lies before or after it", () => {
    const first = (time: string) => generation("x", { completion_start_time: time }).llm?.time_to_first_token_ms;
    expect(first('"2026-01-02T03:04:05.100Z"')).toBe(100);
    expect(first('"2026-01-02T03:04:04.000Z"')).toBeNull();
    expect(first('"2026-01-02T03:04:06.000Z"')).toBeNull();
    expect(first("soon")).toBeNull();
    const late = { completion_start_time: '"2026-01-02T03:04:06.000Z"' };
    expect(generation("x", late)).toMatchObject({
      llm: { streaming: true },
      rest: { "langfuse.observation.completion_start_time": '"2026-01-02T03:04:06.000Z"' },
    });
  });

  it("is read as LangChain's handler tells it: tools as messages, calls with args, the model asked in the metadata", () => {
    const tool = { type: "function", function: { name: "weather", description: "of a city", parameters: {} } };
    const call = { name: "weather", args: { city: "Rome" }, id: "call_1", type: "tool_call" };
    const answer = { role: "assistant", content: null, tool_calls: [call] };
    const result = { role: "tool", content: { type: "function" }, tool_call_id: "call_1" };
    const said = [{ role: "user", content: "Where?" }, answer, result];
    const about = {
      "model.name": "gpt-4o-2024-08-06",
      "metadata.ls_model_name": '"gpt-4o"',
      "metadata.ls_provider": '"OpenAI"',
      "metadata.ls_temperature": "0",
    };
    const given = Object.fromEntries(
      Object.entries({ ...about, output: JSON.stringify(answer) }).map(([key, value]) => [
        `langfuse.observation.${key}`,
        value,
      ]),
    );
    const { llm, content, rest } = generation([...said, { role: "tool", content: tool }], given);
    expect(llm).toMatchObject({
      provider: "openai",
      request_model: "gpt-4o",
      response_model: "gpt-4o-2024-08-06",
    });
    const parts = [{ name: "weather", id: "call_1", type: "tool_call", arguments: { city: "Rome" } }];
    expect(content.messages?.map((text) => JSON.parse(text))).toEqual([
      { role: "user", parts: [{ type: "text", content: "Where?" }] },
      { role: "assistant", parts },
      { role: "tool", parts: [{ type: "tool_call_response", id: "call_1", response: { type: "function" } }] },
    ]);
    expect(JSON.parse(content.response ?? "")).toEqual([{ role: "assistant", parts }]);
    expect(JSON.parse(content.tool_definitions ?? "")).toEqual([
      { type: "function", name: "weather", description: "of a city", parameters: {} },
    ]);
    expect(rest).toEqual({ "langfuse.observation.metadata.ls_temperature": "0" });
    const unanswered = { ...given, "langfuse.observation.model.name": "gpt-4o" };
    expect(generation(said, unanswered).llm).toMatchObject({ request_model: "gpt-4o", response_model: null });
    const failed = { ...given, level: "ERROR" };
    expect(generation(said, failed).llm).toMatchObject({ request_model: "gpt-4o", response_model: null });
  });

  it("has the model that answered only where OpenAI's wrapper puts it", () => {
    const models = (parameters: object, more: Record<string, unknown> = {}) => {
      const input = { messages: [{ role: "user", content: "x" }] };
      const model = { "model.name": "gpt-4o" };
      const given = Object.fromEntries(
        Object.entries({ ...model, "model.parameters": JSON.stringify(parameters) }).map(([key, value]) => [
          `langfuse.observation.${key}`,
          value,
        ]),
      );
      const { llm } = generation(input, { ...given, ...more });
      return [llm?.request_model, llm?.response_model];
    };
    expect(models({})).toEqual(["gpt-4o", null]);
    expect(models({ response_format: "" })).toEqual([null, "gpt-4o"]);
    expect(models({ response_format: "", stream: true })).toEqual(["gpt-4o", null]);
    expect(models({ response_format: "" }, { level: "ERROR" })).toEqual(["gpt-4o", null]);
    expect(models({ parallel_tool_calls: true, stream: true })).toEqual([null, "gpt-4o"]);
  });
});

describe("usage details", () => {
  it.each([
    [
      "OpenAI's shares",
      { input: 80, output: 18, total: 150, input_cached_tokens: 40, output_reasoning_tokens: 12 },
      [120, 30, 40, null, 12],
    ],
    [
      "Anthropic's shares",
      { input: 10, output: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 20 },
      [130, 5, 100, 20, null],
    ],
    [
      "totals of another SDK",
      { inputTokens: 120, outputTokens: 30, totalTokens: 150, cachedInputTokens: 40, reasoningTokens: 12 },
      [120, 30, 40, null, 12],
    ],
    [
      "OpenAI's own form",
      { prompt_tokens: 120, completion_tokens: 30, prompt_tokens_details: { cached_tokens: 40 } },
      [120, 30, 40, null, null],
    ],
    [
      "OpenAI's responses",
      {
        ...{ input_tokens: 120, input_tokens_details: { cached_tokens: 40 } },
        ...{ output_tokens: 30, output_tokens_details: { reasoning_tokens: 12 }, total_tokens: 150 },
      },
      [120, 30, 40, null, 12],
    ],
    [
      "Anthropic's shares with details",
      {
        ...{ input_tokens: 10, cache_read_input_tokens: 400, output_tokens: 5 },
        output_tokens_details: { reasoning_tokens: 1 },
      },
      [410, 5, 400, null, null],
    ],
    ["only an input", { input: 8 }, [8, null, null, null, null]],
    ["nonsense", { input: -1, output: "5", x: null }, [null, null, null, null, null]],
    ["no object", "[1]", [null, null, null, null, null]],
  ])("of %s become totals with parts", (_name, given, [input, output, read, write, reasoning]) => {
    expect(langfuseTokens(typeof given === "string" ? given : JSON.stringify(given))).toEqual({
      input_tokens: input,
      output_tokens: output,
      cache_read_tokens: read,
      cache_write_tokens: write,
      reasoning_tokens: reasoning,
    });
  });
});

it("tells audio and pictures among the tokens, in whatever form", () => {
  const shares = { input: 5, input_audio_tokens: 7, output: 1, output_audio: 2, cached_modality_audio: 3 };
  expect(langfuseTokens(shares)).toMatchObject({
    ...{ input_tokens: 15, output_tokens: 3, cache_read_tokens: 3 },
    audio_tokens: { input_tokens: 10, output_tokens: 2, cache_read_tokens: 3 },
  });
  const details = { audio_tokens: 7, image_tokens: 2 };
  expect(langfuseTokens({ prompt_tokens: 12, prompt_tokens_details: details })).toMatchObject({
    audio_tokens: { input_tokens: 7 },
    image_tokens: { input_tokens: 2 },
  });
  expect(langfuseTokens({ input: 5, input_audio_tokens: 0 })).not.toHaveProperty("audio_tokens");
});

describe("a generation's content", () => {
  it("is the same history when a client leaves on a message what says nothing", () => {
    const said = { role: "assistant", content: "Hi." };
    const asked = { role: "user", content: "And now?" };
    const left = { ...said, refusal: null, annotations: [], audio: null, function_call: null };
    expect(generation([left, asked]).content.messages).toEqual(generation([said, asked]).content.messages);
    expect(messagesOf([{ ...said, refusal: "No." }, asked])).toMatchObject([{ refusal: "No." }, {}]);
  });

  it("is read from a request, whose other members are parameters", () => {
    const tools = [{ type: "function", function: { name: "t", parameters: { type: "object" } } }];
    const { content } = generation(
      {
        messages: [
          { role: "system", content: "S" },
          { role: "user", content: "U" },
        ],
        tools,
        tool_choice: "auto",
      },
      {
        output:
          '{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"t","arguments":"{}"}}]}',
      },
    );
    expect(content.system_prompt).toBe('[{"type":"text","content":"S"}]');
    expect(content.messages).toEqual(['{"role":"user","parts":[{"type":"text","content":"U"}]}']);
    expect(JSON.parse(content.tool_definitions ?? "")).toMatchObject([{ type: "function", name: "t" }]);
    expect(content.parameters).toBe('{"tool_choice":"auto"}');
    expect(JSON.parse(content.response ?? "")).toMatchObject([
      { role: "assistant", parts: [{ type: "tool_call", id: "c", name: "t" }] },
    ]);
  });

  it("is read from words, from lists of messages and from items of the responses API", () => {
    const user = (content: string) => ({ role: "user", parts: [{ type: "text", content }] });
    expect(messagesOf("just words")).toEqual([user("just words")]);
    expect(messagesOf('{"not": "a request"}')).toHaveLength(1);
    expect(
      messagesOf([
        { role: "user", content: '[{"looks":"like parts"}]' },
        { type: "function_call", call_id: "c", name: "t", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: "7" },
        { role: "tool", tool_call_id: "d", content: "8" },
      ]),
    ).toEqual([
      user('[{"looks":"like parts"}]'),
      { role: "assistant", parts: [{ type: "tool_call", id: "c", name: "t", arguments: {} }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c", response: "7" }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "d", response: "8" }] },
    ]);
  });

  it("has each choice of a raw answer, the call what else that says, and the answer is kept whole", () => {
    const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "A" } }];
    const usage = { prompt_tokens: 9, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4 } };
    const output = JSON.stringify({ id: "chatcmpl-1", model: "gpt-4o-2024-08-06", choices, usage });
    const { content, llm } = generation("q", { output, "langfuse.observation.model.name": "gpt-4o" });
    expect(JSON.parse(content.response ?? "")).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "A" }], finish_reason: "stop" },
    ]);
    expect(content.raw_response).toBe(output);
    expect(llm).toMatchObject({
      response_id: "chatcmpl-1",
      response_model: "gpt-4o-2024-08-06",
      finish_reasons: ["stop"],
      ...{ input_tokens: 9, output_tokens: 2, cache_read_tokens: 4 },
    });
    const told = generation("q", { output, usage_details: '{"input":1,"output":1}' });
    expect(told.llm).toMatchObject({ input_tokens: 1, cache_read_tokens: null });
  });

  it("is kept as sent beside, where numbers would lose digits", () => {
    const input =
      '[{"role":"user","content":[{"type":"tool_use","id":"c","name":"t","input":{"n":12345678901234567891}}]}]';
    expect(generation(input).content.raw_request).toBe(input);
    expect(generation("[]", { output: '{"id":[1234567890123456]}' }).content.raw_response).toBe(
      '{"id":[1234567890123456]}',
    );
    expect(generation("call 1234567890123456").content.raw_request).toBeUndefined();
  });

  it("stays JSON whatever was sent", () => {
    for (const given of ["null", "[[[", '[1,null,{"role":{}},{"__proto__":[]}]', '{"messages":[null]}', "{}", "7"]) {
      const { content } = generation(given, { output: given });
      const texts = [...(content.messages ?? []), content.response ?? "null", content.parameters ?? "null"];
      for (const text of texts) expect(() => JSON.parse(text)).not.toThrow();
      expect(content.messages?.length, given).toBeGreaterThan(0);
    }
  });
});
