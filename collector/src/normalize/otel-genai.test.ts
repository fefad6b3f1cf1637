import { describe, expect, it } from "vitest";
import { otelGenAi } from "./otel-genai.ts";
import { createAttributeReader, type SpanEvent, type SpanView } from "./span-view.ts";

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
    attributes: new Map(Object.entries(attributes)),
    events: [],
    links: [],
    ...more,
  };
  const reader = createAttributeReader(span.attributes);
  return { claimed: otelGenAi.claims(span.attributes), ...otelGenAi.read(span, reader, SCOPE), rest: reader.rest() };
}

const event = (name: string, attributes: Record<string, unknown>): SpanEvent => ({ name, time: "", attributes });
const CHAT = { "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o" };
const SCOPE = { name: "test", version: "1" };
const text = (content: string) => [{ type: "text", content }];

describe("what a span is", () => {
  it.each([
    ["chat", "llm"],
    ["text_completion", "llm"],
    ["generate_content", "llm"],
    ["embeddings", "llm"],
    ["responses", "llm"],
    ["image_generation", "llm"],
    ["execute_tool", "tool"],
    ["invoke_agent", "agent"],
    ["create_agent", "agent"],
    ["apply_guardrail", "guardrail"],
    ["retrieval", "other"],
    ["invoke_workflow", "other"],
    ["plan", "other"],
    ["search_memory", "other"],
    ["fetch_response", "other"],
    ["agent_step", "other"],
    ["__proto__", "other"],
  ])("%s is of kind %s, and keeps its operation", (operation, kind) => {
    expect(read({ "gen_ai.operation.name": operation })).toMatchObject({ claimed: true, kind, operation });
  });

  it("without an operation, is a model call when it names a model, a tool call when it names a tool", () => {
    expect(read({ "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4" })).toMatchObject({ kind: "llm" });
    expect(read({ "gen_ai.tool.name": "search" })).toMatchObject({ kind: "tool", operation: "execute_tool" });
    expect(read({ "gen_ai.system": "openai" })).toMatchObject({ kind: "other", llm: null });
    expect(read({ "gen_ai.conversation.id": "c", "http.method": "GET" }).claimed).toBe(false);
  });

  it("is a guardrail's rejection when that denied, whatever the span's status", () => {
    const guard = { "gen_ai.operation.name": "apply_guardrail", "gen_ai.guardian.name": "pii" };
    const decision = (type: string) => ({
      "gen_ai.security.decision.type": type,
      "gen_ai.security.decision.reason": "a card",
    });
    const error = { type: "guardrail_rejection", message: "a card" };
    expect(read({ ...guard, ...decision("deny") })).toMatchObject({ name: "pii", error });
    expect(read({ ...guard, ...decision("warn") }).error).toBeNull();
    expect(read({ ...CHAT, ...decision("deny") }).error).toBeNull();
    const renamed = { "gen_ai.operation.name": "run_guardrail", "gen_ai.security.verdict.type": "deny" };
    expect(read(renamed)).toMatchObject({ kind: "guardrail", error: { type: "guardrail_rejection", message: null } });
  });

  it("is named after its tool, agent or model", () => {
    expect(read({ "gen_ai.operation.name": "execute_tool" }, { name: "execute_tool search" }).name).toBe("search");
    expect(read({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "triage" }).name).toBe("triage");
    expect(read(CHAT).name).toBe("gpt-4o");
    expect(read({ "gen_ai.operation.name": "plan", "gen_ai.agent.name": "triage" }).name).toBe("span name");
  });

  it("is a tool call when an MCP client calls a tool, and not once more for the server's side of it", () => {
    const call = { "mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "gen_ai.tool.call.arguments": "{}" };
    expect(read(call)).toMatchObject({ kind: "tool", operation: "tools/call", tool: { name: "search" } });
    expect(read({ "mcp.method.name": "tools/call" }, { name: "tools/call search" }).tool?.name).toBe("search");
    expect(read({ ...call, "otlp.kind": 2 })).toMatchObject({ kind: "other", tool: null });
    expect(read({ ...call, "otlp.kind": 2 }, { parentSpanId: null })).toMatchObject({ kind: "tool" });
    expect(read({ "mcp.method.name": "tools/list" })).toMatchObject({ kind: "other", operation: "tools/list" });
  });

  it("ends the run as a root agent or workflow, and only then", () => {
    const workflow = { "gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "refunds" };
    expect(read(workflow, { parentSpanId: null })).toMatchObject({
      event: "run_end",
      end: { status: "completed" },
      run: { agent_name: "refunds" },
    });
    expect(read(workflow)).toMatchObject({ event: "step", end: null });
    const failed = { "gen_ai.operation.name": "invoke_agent", "error.type": "timeout" };
    expect(read(failed, { parentSpanId: null }).end).toMatchObject({ status: "failed" });
    expect(read(CHAT, { parentSpanId: null })).toMatchObject({ event: "step", end: null });
  });
});

describe("whose run it is", () => {
  it("has the main agent's name on the steps of its sub-agents", () => {
    const { run, name } = read({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "researcher",
      "gen_ai.agent.version": "2",
      "gen_ai.main_agent.name": "editor",
      "gen_ai.conversation.id": "conv-1",
      "enduser.id": "u-1",
    });
    expect(name).toBe("researcher");
    expect(run).toMatchObject({ agent_name: "editor", agent_version: "2", session_id: "conv-1", user_id: "u-1" });
  });
});

describe("tokens", () => {
  const tokens = (usage: Record<string, unknown>) => {
    const given = Object.fromEntries(Object.entries(usage).map(([key, value]) => [`gen_ai.usage.${key}`, value]));
    const { llm, rest } = read({ ...CHAT, ...given });
    return { ...llm, rest };
  };

  it("are read by every name they have had, the current first", () => {
    expect(tokens({ prompt_tokens: 3, completion_tokens: "4" })).toMatchObject({ input_tokens: 3, output_tokens: 4 });
    expect(tokens({ input_tokens: 5, prompt_tokens: 3 })).toMatchObject({ input_tokens: 5 });
    const parts = { input_tokens: 100, output_tokens: 50 };
    expect(
      tokens({
        ...parts,
        "cache_read.input_tokens": 40,
        "cache_write.input_tokens": 20,
        "reasoning.output_tokens": 10,
      }),
    ).toMatchObject({
      ...parts,
      cache_read_tokens: 40,
      cache_write_tokens: 20,
      reasoning_tokens: 10,
    });
    expect(tokens({ ...parts, "cache_creation.input_tokens": 20 })).toMatchObject({ cache_write_tokens: 20 });
    const older = { cache_read_input_tokens: 7, cache_write_input_tokens: 9, reasoning_tokens: 8 };
    expect(tokens({ ...parts, ...older })).toMatchObject({
      cache_read_tokens: 7,
      cache_write_tokens: 9,
      reasoning_tokens: 8,
    });
  });

  it("are unknown, and kept as they came, when no call can have had so many", () => {
    for (const absurd of [-1, 1.5, 1e15, "many", { int64: "9223372036854775807" }, { double: "NaN" }, null]) {
      const { input_tokens, rest } = tokens({ input_tokens: absurd });
      expect({ absurd, input_tokens }).toEqual({ absurd, input_tokens: null });
      expect(rest["gen_ai.usage.input_tokens"]).toEqual(absurd);
    }
    expect(tokens({ input_tokens: -1, prompt_tokens: 3 })).toMatchObject({ input_tokens: 3 });
  });

  it("are the sum of whole and parts when a sender leaves the parts out of the whole", () => {
    expect(tokens({ input_tokens: 4, "cache_read.input_tokens": 1000 })).toMatchObject({ input_tokens: 1004 });
    expect(tokens({ output_tokens: 5, "reasoning.output_tokens": 90 })).toMatchObject({ output_tokens: 95 });
  });

  it("are summed over modalities where there is no total", () => {
    const usage = { "text.input_tokens": 5, "audio.input_tokens": 6, "text.output_tokens": 7 };
    expect(tokens(usage)).toMatchObject({ input_tokens: 11, output_tokens: 7 });
    expect(tokens({ ...usage, input_tokens: 12 })).toMatchObject({ input_tokens: 12 });
    expect(tokens(usage).rest).toHaveProperty(["gen_ai.usage.audio.input_tokens"], 6);
  });

  it("of agents and workflows are nobody's: totals of the calls below", () => {
    const { llm, rest } = read({ "gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5000 });
    expect(llm).toBeNull();
    expect(rest).toEqual({ "gen_ai.usage.input_tokens": 5000 });
  });
});

describe("a model call", () => {
  it("streams when it says so, in whatever word, or has a first chunk", () => {
    expect(read(CHAT).llm?.streaming).toBeNull();
    expect(read({ ...CHAT, "gen_ai.request.stream": true }).llm?.streaming).toBe(true);
    expect(read({ ...CHAT, "gen_ai.request.is_stream": false }).llm?.streaming).toBe(false);
    expect(read({ ...CHAT, "gen_ai.response.time_to_first_chunk": 1e306 }).llm).toMatchObject({
      streaming: true,
      time_to_first_token_ms: null,
    });
    const structured: unknown = Object.create(null);
    expect(read({ ...CHAT, "gen_ai.response.time_to_first_chunk": structured })).toMatchObject({
      llm: { streaming: null, time_to_first_token_ms: null },
      rest: { "gen_ai.response.time_to_first_chunk": structured },
    });
    expect(read({ ...CHAT, "gen_ai.response.time_to_first_chunk": 0.25 }).llm).toMatchObject({
      streaming: true,
      time_to_first_token_ms: 250,
    });
  });

  it("keeps as attributes what it has no use for: a second word for the same, a time before the call", () => {
    const { llm, rest } = read({
      ...CHAT,
      "gen_ai.response.time_to_first_chunk": -1,
      "gen_ai.request.seed": 1,
      "gen_ai.openai.request.seed": 2,
      "gen_ai.usage.input_tokens": 3,
      "gen_ai.usage.prompt_tokens": 4,
      "gen_ai.usage.cost": 0.5,
    });
    expect(llm).toMatchObject({ streaming: null, time_to_first_token_ms: null, input_tokens: 3 });
    expect(rest).toEqual({
      "gen_ai.response.time_to_first_chunk": -1,
      "gen_ai.openai.request.seed": 2,
      "gen_ai.usage.prompt_tokens": 4,
      "gen_ai.usage.cost": 0.5,
    });
  });

  it("has no time to the first token that is after its end, as of those who send milliseconds for seconds", () => {
    const { llm, rest } = read({ ...CHAT, "gen_ai.response.time_to_first_chunk": 249 });
    expect(llm).toMatchObject({ streaming: true, time_to_first_token_ms: null });
    expect(rest).toEqual({ "gen_ai.response.time_to_first_chunk": 249 });
    const [server, chunk] = ["gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk"];
    expect(read({ ...CHAT, [chunk]: 249, [server]: 0.249 })).toMatchObject({
      llm: { time_to_first_token_ms: 249 },
      rest: { [chunk]: 249 },
    });
  });

  it("has the finish reasons that only its answer tells, in whatever place", () => {
    const [said, parts] = ["gen_ai.output.messages", text("Hi")];
    const answer = [{ role: "assistant", parts, finish_reason: "length" }];
    const details = "gen_ai.client.inference.operation.details";
    const choice = event("gen_ai.choice", { finish_reason: "length", message: "Hi" });
    for (const call of [
      read({ ...CHAT, [said]: JSON.stringify(answer) }),
      read({ ...CHAT, [said]: answer }),
      read(CHAT, { events: [choice] }),
      read(CHAT, { events: [event(details, { [said]: JSON.stringify(answer) })] }),
      read(CHAT, { events: [event(details, { "gen_ai.response.finish_reasons": ["length"] })] }),
    ])
      expect(call.llm?.finish_reasons).toEqual(["length"]);
    const unsaid = JSON.stringify([{ role: "assistant", parts, finish_reason: "" }]);
    expect(read({ ...CHAT, [said]: unsaid }).llm?.finish_reasons).toEqual([]);
    const told = { ...CHAT, "gen_ai.response.finish_reasons": ["stop"] };
    expect(read(told, { events: [choice] }).llm?.finish_reasons).toEqual(["stop"]);
  });

  it("has its finish reasons as a list, as text, or as the text of a list", () => {
    for (const reasons of [["stop"], "stop", '["stop"]'])
      expect(read({ ...CHAT, "gen_ai.response.finish_reasons": reasons }).llm?.finish_reasons).toEqual(["stop"]);
    expect(read({ ...CHAT, "anthropic.message.stop_reason": "tool_use" }).llm?.finish_reasons).toEqual(["tool_use"]);
  });

  it("keeps its settings under the names of today", () => {
    const { content } = read({
      ...CHAT,
      "gen_ai.request.temperature": 0.2,
      "gen_ai.openai.request.seed": 7,
      "openai.request.service_tier": "flex",
      "gen_ai.output.type": "json",
    });
    expect(JSON.parse(content.parameters ?? "null")).toEqual({
      temperature: 0.2,
      seed: 7,
      "output.type": "json",
      service_tier: "flex",
    });
  });

  it("has the same content structured or as JSON text, and the text stays as it was sent", () => {
    const messages = [{ role: "user", parts: text("Hi") }];
    const sent = '[ {"role":"user", "parts":[{"type":"text","content":"Hi"}]} ]';
    const structured = read({ ...CHAT, "gen_ai.input.messages": messages, "gen_ai.output.messages": messages });
    expect(structured.content).toEqual({
      messages: [JSON.stringify(messages[0])],
      response: JSON.stringify(messages),
    });
    const asText = read({ ...CHAT, "gen_ai.input.messages": sent, "gen_ai.output.messages": sent });
    expect(asText.content).toEqual({ messages: [sent.slice(2, -2)], response: sent });
    expect(asText.rest).toEqual({});
  });

  it("has system instructions as parts, whatever they came as", () => {
    for (const instructions of ["Be brief.", text("Be brief."), JSON.stringify(text("Be brief."))]) {
      const { content } = read({ ...CHAT, "gen_ai.system_instructions": instructions });
      expect(JSON.parse(content.system_prompt ?? "null")).toEqual(text("Be brief."));
    }
  });

  it("has tool definitions from a list of texts too", () => {
    const { content } = read({ ...CHAT, "gen_ai.tool.definitions": ['{"name":"search"}'] });
    expect(content.tool_definitions).toBe('[{"name":"search"}]');
    const ofTheAiSdk = { type: "function", name: "search", description: "d", inputSchema: { type: "object" } };
    const given = { ...CHAT, "gen_ai.tool.definitions": JSON.stringify([ofTheAiSdk]) };
    expect(JSON.parse(read(given).content.tool_definitions ?? "")).toEqual([
      { type: "function", name: "search", description: "d", parameters: { type: "object" } },
    ]);
  });

  it("names tool calls by the id that their results are given under", () => {
    const part = { type: "tool_call", id: "fc_1", name: "search", arguments: '{"q":1}', call_id: "call_1" };
    const { content } = read({ ...CHAT, "gen_ai.output.messages": [{ role: "assistant", parts: [part] }] });
    expect(JSON.parse(content.response ?? "null")).toEqual([
      {
        role: "assistant",
        parts: [{ type: "tool_call", id: "call_1", name: "search", arguments: '{"q":1}', item_id: "fc_1" }],
      },
    ]);
  });

  it("is one with whatever role a message has", () => {
    const messages = '[{"role":{"toString":1},"parts":[]}]';
    expect(read({ ...CHAT, "gen_ai.input.messages": messages }).content.messages).toHaveLength(1);
  });

  it("takes messages in a provider's own form", () => {
    const { content } = read({
      ...CHAT,
      "gen_ai.input.messages": '[{"role":"user","content":"Hi"}]',
      "gen_ai.output.messages": "Hello.",
    });
    expect(content.messages?.map((message) => JSON.parse(message))).toEqual([{ role: "user", parts: text("Hi") }]);
    expect(JSON.parse(content.response ?? "null")).toEqual([{ role: "assistant", parts: text("Hello.") }]);
  });

  it("is read in the attributes and in the span events of the conventions before 1.28", () => {
    const prompt = '[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]';
    const old = { "gen_ai.prompt": prompt, "gen_ai.completion": "Hello." };
    const expected = {
      system_prompt: JSON.stringify(text("Be brief.")),
      messages: ['{"role":"user","parts":[{"type":"text","content":"Hi"}]}'],
    };
    expect(read({ ...CHAT, ...old }).content).toMatchObject(expected);
    const events = [
      event("gen_ai.content.prompt", { "gen_ai.prompt": old["gen_ai.prompt"] }),
      event("gen_ai.content.completion", { "gen_ai.completion": old["gen_ai.completion"] }),
    ];
    const fromEvents = read(CHAT, { events }).content;
    expect(fromEvents).toMatchObject(expected);
    expect(JSON.parse(fromEvents.response ?? "null")).toEqual([{ role: "assistant", parts: text("Hello.") }]);
  });

  it("is read in an event per message", () => {
    const { content } = read(CHAT, {
      events: [
        event("gen_ai.system.message", { content: "Be brief." }),
        event("gen_ai.user.message", { "gen_ai.event.content": '{"role":"user","content":"Hi"}' }),
        event("gen_ai.choice", { finish_reason: "stop", message: '{"content":"Hello."}' }),
      ],
    });
    expect(JSON.parse(content.system_prompt ?? "null")).toEqual(text("Be brief."));
    expect(content.messages?.map((message) => JSON.parse(message))).toEqual([{ role: "user", parts: text("Hi") }]);
    expect(JSON.parse(content.response ?? "null")).toMatchObject([{ role: "assistant", parts: text("Hello.") }]);
  });

  it("is not kept once more in the events that it was read from", () => {
    const events = [
      event("gen_ai.system.message", { content: "Be brief." }),
      event("gen_ai.user.message", { content: "Hi", role: "user", "gen_ai.system": "openai" }),
      event("exception", { message: "no" }),
    ];
    const left = read(CHAT, { events }).events;
    expect(left).toEqual([
      events[0],
      event("gen_ai.user.message", { role: "user", "gen_ai.system": "openai" }),
      events[2],
    ]);
    const elsewhere = { ...CHAT, "gen_ai.input.messages": "[]" };
    expect(read(elsewhere, { events }).events).toEqual(events);
    const details = [...events, event("gen_ai.client.inference.operation.details", {})];
    expect(read(CHAT, { events: details }).events).toEqual(details);
    expect(read({ "gen_ai.operation.name": "execute_tool" }, { events }).events).toBeUndefined();
  });

  it("is read in an attribute that lists the events, as Pydantic AI's once did", () => {
    const events = [
      { content: "Be brief.", role: "system", "event.name": "gen_ai.system.message" },
      { content: "Hi", role: "user", "gen_ai.message.index": 0, "event.name": "gen_ai.user.message" },
      { index: 0, message: { role: "assistant", content: "Hello." }, "event.name": "gen_ai.choice" },
    ];
    const { content, rest } = read({ ...CHAT, events: JSON.stringify(events) });
    expect(JSON.parse(content.system_prompt ?? "")).toEqual(text("Be brief."));
    expect(content.messages?.map((message) => JSON.parse(message))).toEqual([{ role: "user", parts: text("Hi") }]);
    expect(JSON.parse(content.response ?? "")).toMatchObject([{ role: "assistant", parts: text("Hello.") }]);
    expect(rest).toEqual({});
    for (const others of [[{ "event.name": "mine" }], [1, events[0]], { "event.name": 1 }]) {
      const given = { events: JSON.stringify(others) };
      expect(read({ ...CHAT, ...given })).toMatchObject({ content: {}, rest: given });
    }
    const long = JSON.stringify([{ content: '{"n":1234567890123456789}', "event.name": "gen_ai.user.message" }]);
    expect(read({ ...CHAT, events: long })).toMatchObject({ rest: { events: long } });
  });

  it("is read in the event of the operation's details on the span, under what the span's attributes say", () => {
    const details = event("gen_ai.client.inference.operation.details", {
      "gen_ai.input.messages": '[{"role":"user","parts":[]}]',
      "gen_ai.output.messages": '[{"role":"assistant","parts":[]}]',
    });
    const { content } = read({ ...CHAT, "gen_ai.output.messages": '[{"parts":[1]}]' }, { events: [details] });
    expect(content).toEqual({ messages: ['{"role":"user","parts":[]}'], response: '[{"parts":[1]}]' });
  });
});

describe("Google's Agent Development Kit", () => {
  const ADK = { "gen_ai.system": "gcp.vertex.agent", "gen_ai.request.model": "gemini-2.5-flash" };
  const request = {
    model: "gemini-2.5-flash",
    config: {
      system_instruction: "Be brief.",
      temperature: 0.2,
      tools: [
        { function_declarations: [{ name: "look", description: "d", parameters_json_schema: { type: "object" } }] },
        { google_search: {} },
      ],
    },
    contents: [
      { role: "user", parts: [{ text: "Hi" }] },
      { role: "model", parts: [{ function_call: { id: "c1", name: "look", args: { at: 1 } } }] },
      { role: "user", parts: [{ function_response: { id: "c1", name: "look", response: { r: 2 } } }] },
    ],
  };
  const response = { content: { role: "model", parts: [{ text: "Seen." }] }, finish_reason: "STOP" };
  const CALL = {
    ...{ ...ADK, "gen_ai.request.top_p": 0.9, "gcp.vertex.agent.session_id": "s1" },
    "gcp.vertex.agent.llm_request": JSON.stringify(request),
    "gcp.vertex.agent.llm_response": JSON.stringify(response),
  };

  it("has the content of its calls in Gemini's words", () => {
    const { kind, run, llm, content, rest } = read(CALL, { name: "call_llm" });
    expect({ kind, session: run.session_id, reasons: llm?.finish_reasons }).toEqual({
      ...{ kind: "llm", session: "s1", reasons: ["stop"] },
    });
    const call = { type: "tool_call", id: "c1", name: "look", arguments: { at: 1 } };
    const result = { type: "tool_call_response", id: "c1", name: "look", response: { r: 2 } };
    expect(content.messages?.map((message) => JSON.parse(message))).toEqual([
      { role: "user", parts: text("Hi") },
      { role: "assistant", parts: [call] },
      { role: "tool", parts: [result] },
    ]);
    expect(JSON.parse(content.response ?? "")).toEqual([
      { role: "assistant", parts: text("Seen."), finish_reason: "stop" },
    ]);
    expect(JSON.parse(content.system_prompt ?? "")).toEqual(text("Be brief."));
    expect(JSON.parse(content.parameters ?? "")).toEqual({ temperature: 0.2, top_p: 0.9 });
    expect(JSON.parse(content.tool_definitions ?? "")).toEqual([
      { type: "function", name: "look", description: "d", parameters: { type: "object" } },
      { type: "google_search", google_search: {} },
    ]);
    expect(content.raw_response).toBe(JSON.stringify(response));
    expect(content.raw_request).toBeUndefined();
    expect(rest).toEqual({});
    const long = '{"contents":[{"parts":[{"function_call":{"name":"t","args":{"n":12345678901234567891}}}]}]}';
    expect(read({ ...ADK, "gcp.vertex.agent.llm_request": long }).content.raw_request).toBe(long);
  });

  it("says nothing where content is switched off, or was no JSON", () => {
    for (const said of ["{}", "<not serializable>", '{"contents":7,"content":7}']) {
      const off = { "gcp.vertex.agent.llm_request": said, "gcp.vertex.agent.llm_response": said };
      expect(read({ ...ADK, ...off })).toMatchObject({ content: {}, rest: off });
    }
    const [args, answer] = ["gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response"];
    const tool = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look" };
    expect(read({ ...tool, [args]: "{}", [answer]: "{}" }).content).toEqual({});
    expect(read({ ...tool, [args]: "{}", [answer]: '{"r":2}' })).toMatchObject({
      ...{ kind: "tool", content: { arguments: "{}", result: '{"r":2}' }, rest: {} },
    });
    expect(read({ ...tool, "gen_ai.tool.name": "(merged tools)" }).kind).toBe("other");
  });
});

describe("a tool call", () => {
  const TOOL = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.call.id": "c1" };

  it("has its arguments and result by the names of the conventions and of those who have their own", () => {
    const expected = { arguments: '{"q":1}', result: '["found"]' };
    for (const [args, result] of [
      ["gen_ai.tool.call.arguments", "gen_ai.tool.call.result"],
      ["gen_ai.tool.call.arguments", "anthropic.tool_result.content"],
      ["tool_arguments", "tool_response"],
      ["lmnr.span.input", "lmnr.span.output"],
    ] as const)
      expect(read({ ...TOOL, [args]: '{"q":1}', [result]: ["found"] })).toMatchObject({
        content: expected,
        tool: { call_id: "c1" },
        rest: {},
      });
  });

  it("has them from the events of the span", () => {
    const events = [
      event("gen_ai.tool.message", { role: "tool", content: '{"q":1}', id: "c1" }),
      event("gen_ai.choice", { message: "found", id: "c1" }),
    ];
    expect(read(TOOL, { events }).content).toEqual({ arguments: '{"q":1}', result: '"found"' });
  });
});

describe("any other step", () => {
  it("keeps what went in and came out: of a retrieval, an agent, a span of Laminar's", () => {
    const retrieval = { "gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": "refunds" };
    expect(read({ ...retrieval, "gen_ai.retrieval.documents": '[{"id":"d1"}]' }).content).toEqual({
      input: '"refunds"',
      output: '[{"id":"d1"}]',
    });
    const agent = { "gen_ai.operation.name": "invoke_agent", "gen_ai.system_instructions": text("Be brief.") };
    const messages = '[{"role":"user","parts":[]}]';
    expect(read({ ...agent, "gen_ai.input.messages": messages, "gen_ai.output.messages": messages }).content).toEqual({
      system_prompt: JSON.stringify(text("Be brief.")),
      input: messages,
      output: messages,
    });
    expect(read({ "lmnr.span.type": "DEFAULT", "lmnr.span.input": '{"a":1}' })).toMatchObject({
      kind: "other",
      content: { input: '{"a":1}' },
    });
  });
});
