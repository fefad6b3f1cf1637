import { MAX_RUN_ID_CHARS, record } from "@runledger/contract";
import { describe, expect, test } from "vitest";
import { normalizeFrame } from "./normalize-frame.ts";

const RECEIVED = 1_700_000_009_000_000_000n;
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

function anyValueOf(value: Value): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number") return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (value === null) return {};
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValueOf) } };
  return { kvlistValue: { values: attributesOf(value) } };
}

function attributesOf(values: Record<string, Value>): object[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValueOf(value) }));
}

const log = (
  eventName: string,
  more: { body?: Value; attributes?: Record<string, Value>; [field: string]: unknown } = {},
) => ({
  traceId: TRACE,
  spanId: SPAN,
  timeUnixNano: "1700000000000000001",
  eventName,
  ...more,
  attributes: attributesOf(more.attributes ?? {}),
  ...(more.body === undefined ? {} : { body: anyValueOf(more.body) }),
});

function normalized(...logRecords: object[]) {
  const body = Buffer.from(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ scope: { name: "lib" }, logRecords }] }] }));
  const frame = { seq: 1, signal: "logs", format: "json", encoding: "identity", tenant: "t" } as const;
  const { records } = normalizeFrame({ ...frame, receivedUnixNano: RECEIVED, body }, () => null);
  for (const { facts } of records) record.parse({ ...facts, conflict: false, payloads: {} });
  return records;
}
const one = (given: object) => {
  const [first] = normalized(given);
  if (first === undefined) throw new Error("it was not taken");
  return first;
};

describe("a log record", () => {
  test("belongs to the span and the run of its ids, and is kept whole", () => {
    const { facts, content } = one(
      log("", { body: "calling", severityNumber: 9, severityText: "INFO", attributes: { k: [1, "a"] } }),
    );
    expect(facts).toMatchObject({
      event: "log",
      kind: "other",
      name: "log",
      dialect: "plain",
      run_id: TRACE,
      trace_id: TRACE,
      step_id: SPAN,
      start_time: "2023-11-14T22:13:20.000000001Z",
      end_time: "2023-11-14T22:13:20.000000001Z",
      status: "unset",
      error: null,
      llm: null,
      scope: { name: "lib" },
    });
    expect(facts.attributes).toEqual({
      k: [1, "a"],
      "otlp.body": "calling",
      "otlp.severity_number": 9,
      "otlp.severity_text": "INFO",
    });
    expect(content).toEqual({});
  });

  test("belongs to the run that it names, with or without a trace", () => {
    const attributes = { "runledger.run.id": "run-1" };
    expect(one(log("", { attributes })).facts).toMatchObject({ run_id: "run-1", trace_id: TRACE });
    expect(one(log("", { attributes, traceId: "", spanId: "" })).facts).toMatchObject({
      run_id: "run-1",
      trace_id: "",
    });
  });

  test("belongs to its trace when what it names is too long for a run", () => {
    const runId = "x".repeat(MAX_RUN_ID_CHARS + 1);
    const { facts } = one(log("", { attributes: { "runledger.run.id": runId } }));
    expect(facts).toMatchObject({ run_id: TRACE, attributes: { "runledger.run.id": runId } });
  });

  test("without any trace is kept when it is a GenAI event, of no run", () => {
    const zero = { traceId: "0".repeat(32), spanId: "0".repeat(16) };
    expect(one(log("gen_ai.evaluation.result", zero)).facts).toMatchObject({ run_id: "", trace_id: "", step_id: "" });
    const named = {
      traceId: "",
      spanId: "",
      attributes: { "event.name": "gen_ai.user.message" },
      body: { content: "x" },
    };
    expect(one(log("", named)).facts.name).toBe("gen_ai.user.message");
    expect(normalized(log("other.event", zero), log("", zero))).toEqual([]);
  });

  test("has the time when it was seen, or received, when it tells no other", () => {
    const seen = log("", { timeUnixNano: "0", observedTimeUnixNano: "1700000001000000000" });
    expect(one(seen).facts.start_time).toBe("2023-11-14T22:13:21.000000000Z");
    expect(one(log("", { timeUnixNano: "0" })).facts.start_time).toBe("2023-11-14T22:13:29.000000000Z");
  });

  test("has one id whatever its request, and another when anything of it is other", () => {
    const id = (given: object) => one(given).facts.record_id;
    const given = log("gen_ai.choice", { body: { index: 0 } });
    expect(normalized(log(""), given).at(-1)?.facts.record_id).toBe(id(given));
    const others = [
      log("gen_ai.choice", { body: { index: 1 } }),
      log("gen_ai.choice", { body: { index: 0 }, attributes: { a: 1 } }),
      { ...given, spanId: "b7ad6b7169203332" },
      { ...given, timeUnixNano: "1700000000000000002" },
      { ...given, severityNumber: 9 },
    ].map(id);
    expect(new Set([id(given), ...others]).size).toBe(6);
  });

  test("keeps integers beyond 2^53, and keys that mean something to JavaScript", () => {
    const given = { ...log(""), attributes: [{ key: "__proto__", value: { intValue: "9007199254740993" } }] };
    const { attributes } = one(given).facts;
    expect(Object.entries(attributes)).toEqual([["__proto__", { int64: "9007199254740993" }]]);
  });
});

describe("the events of messages", () => {
  test("become the content of a model call", () => {
    const [system, user, tool, choice] = normalized(
      log("gen_ai.system.message", { body: { content: "be kind" } }),
      log("gen_ai.user.message", { body: { content: "hi" }, attributes: { "gen_ai.system": "OpenAI" } }),
      log("gen_ai.tool.message", { body: JSON.stringify({ id: "c1", content: "3" }) }),
      log("gen_ai.choice", {
        body: {
          index: 0,
          finish_reason: "tool_calls",
          message: { tool_calls: [{ id: "c2", type: "function", function: { name: "add", arguments: "{}" } }] },
        },
      }),
    );
    expect(system?.content).toEqual({ system_prompt: '[{"type":"text","content":"be kind"}]' });
    expect(user?.content).toEqual({ messages: ['{"role":"user","parts":[{"type":"text","content":"hi"}]}'] });
    expect(user?.facts).toMatchObject({
      kind: "llm",
      dialect: "otel-genai",
      llm: { provider: "openai", counted: false, input_tokens: null },
      attributes: { "otlp.event_name": "gen_ai.user.message" },
      cost: null,
    });
    expect(user?.inputPreview).toBe("hi");
    expect(tool?.facts.llm?.tool_results).toMatchObject([{ call_id: "c1" }]);
    expect(choice?.facts.llm).toMatchObject({
      finish_reasons: ["tool_calls"],
      tool_requests: [{ call_id: "c2", name: "add" }],
    });
    expect(JSON.parse(choice?.content.response ?? "")).toMatchObject([
      { role: "assistant", finish_reason: "tool_calls" },
    ]);
  });

  test("have no content when the instrumentation keeps it to itself", () => {
    expect(one(log("gen_ai.user.message", { attributes: { "gen_ai.system": "openai" } })).content).toEqual({});
  });

  test("keep what else a system message says", () => {
    const { facts } = one(log("gen_ai.system.message", { body: { role: "developer", content: "be kind" } }));
    expect(facts.attributes["otlp.body"]).toEqual({ role: "developer", content: "be kind" });
  });

  test("that say the same twice in one moment are two, and the same two when sent again", () => {
    const yes = log("gen_ai.user.message", { body: { content: "yes" } });
    const ids = (...given: object[]) => normalized(...given).map(({ facts }) => facts.record_id);
    expect(new Set(ids(yes, yes, yes)).size).toBe(3);
    expect(ids(yes, yes)).toEqual(ids(yes, yes, yes).slice(0, 2));
    const evaluation = log("gen_ai.evaluation.result");
    expect(new Set(ids(evaluation, evaluation)).size).toBe(1);
  });

  test("nested deeper than can be written are kept as they came", () => {
    const deep = `{"content":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    const { facts, content } = one(log("gen_ai.user.message", { body: deep }));
    expect(JSON.stringify([facts.attributes, content])).toContain("[[[[[[");
  });
});

describe("the event of all details", () => {
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.id": "r1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.system_instructions": [{ type: "text", content: "be kind" }],
    "gen_ai.input.messages": [{ role: "user", parts: [{ type: "text", content: "hi" }] }],
    "gen_ai.output.messages":
      '[{"role":"assistant","parts":[{"type":"text","content":"hello"}],"finish_reason":"stop"}]',
    "gen_ai.tool.definitions": [{ type: "function", name: "add" }],
    "server.address": "localhost",
  };
  test("has the content of the call's span, structured or as text, and is never counted", () => {
    const { facts, content } = one(log("gen_ai.client.inference.operation.details", { attributes }));
    expect(facts).toMatchObject({
      kind: "llm",
      operation: "chat",
      run_id: TRACE,
      llm: { request_model: "gpt-4o", response_id: "r1", finish_reasons: ["stop"], input_tokens: 10, counted: false },
      attributes: { "server.address": "localhost" },
    });
    expect(Object.keys(content).sort()).toEqual(["messages", "response", "system_prompt", "tool_definitions"]);
    expect(content.messages?.map((text) => JSON.parse(text))).toEqual(attributes["gen_ai.input.messages"]);
    expect(facts.attributes).not.toHaveProperty(["gen_ai.input.messages"]);
  });

  test("is the same with its attributes in its body", () => {
    const inBody = one(log("gen_ai.client.inference.operation.details", { body: attributes }));
    const expected = one(log("gen_ai.client.inference.operation.details", { attributes }));
    expect(inBody.content).toEqual(expected.content);
    expect(inBody.facts.llm).toEqual(expected.facts.llm);
    expect(inBody.facts.attributes["otlp.body"]).toEqual({ "server.address": "localhost" });
  });
});

test("other GenAI events keep their attributes, and the response that they speak of", () => {
  const attributes = {
    "gen_ai.evaluation.name": "kind",
    "gen_ai.evaluation.score.value": 0.5,
    "gen_ai.response.id": "r1",
  };
  const { facts, content } = one(log("gen_ai.evaluation.result", { attributes }));
  expect(facts).toMatchObject({ kind: "other", attributes, llm: { response_id: "r1", counted: false }, error: null });
  expect(content).toEqual({});
  const exception = { "exception.type": "Timeout", "exception.message": "after 3 s", "error.type": "x" };
  expect(one(log("gen_ai.client.operation.exception", { attributes: exception })).facts).toMatchObject({
    status: "unset",
    error: null,
    attributes: exception,
  });
});
