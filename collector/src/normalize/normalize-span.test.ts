import { createHash } from "node:crypto";
import { GEN_AI, MAX_RUN_ID_CHARS, RUNLEDGER, record } from "@runledger/contract";
import { beforeAll, describe, expect, it } from "vitest";
import { normalizeSpan } from "./normalize-span.ts";
import { createPrices, type Pricer } from "./price.ts";
import type { SpanView } from "./span-view.ts";

const origin = {
  resource: { "service.name": "shop" },
  resourceSha256: "00".repeat(32),
  scope: { name: "s", version: "1" },
};
const reception = { tenant: "default", receivedTime: "2026-01-02T03:04:06.000000000Z" };
let price: Pricer;
beforeAll(() => {
  price = createPrices(null).cost;
});

function span(attributes: Record<string, unknown>, more: Partial<SpanView> = {}): SpanView {
  return {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "span name",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))),
    events: [],
    links: [],
    ...more,
  };
}

const normalize = (attributes: Record<string, unknown>, more?: Partial<SpanView>) =>
  normalizeSpan(span(attributes, more), origin, reception, price);

const CHAT = {
  [GEN_AI.operationName]: "chat",
  [GEN_AI.providerName]: "openai",
  [GEN_AI.requestModel]: "gpt-4o",
  [GEN_AI.responseModel]: "gpt-4o-2024-08-06",
  [GEN_AI.inputTokens]: 1000,
  [GEN_AI.outputTokens]: 100,
  [GEN_AI.cacheReadTokens]: 400,
  [GEN_AI.inputMessages]: '[{"role":"user","parts":[{"type":"text","content":"Where is my order?"}]}]',
  [GEN_AI.outputMessages]:
    '[{"role":"assistant","parts":[{"type":"text","content":"On its way."}],"finish_reason":"stop"}]',
  "gen_ai.request.temperature": 0.2,
  "custom.key": "kept",
};

describe("a GenAI model call", () => {
  it("becomes a step of kind llm with its tokens, price, content and previews", () => {
    const { facts, content, inputPreview, outputPreview } = normalize(CHAT);
    expect(facts).toMatchObject({
      event: "step",
      kind: "llm",
      dialect: "otel-genai",
      name: "gpt-4o",
      run_id: span({}).traceId,
    });
    expect(facts.llm).toMatchObject({
      input_tokens: 1000,
      output_tokens: 100,
      cache_read_tokens: 400,
      reasoning_tokens: null,
    });
    expect(facts.cost?.usd).toBe("0.003000000"); // 600 × 2.5 + 400 × 1.25 + 100 × 10 USD a million
    expect(content.messages).toEqual(['{"role":"user","parts":[{"type":"text","content":"Where is my order?"}]}']);
    expect(content.parameters).toBe('{"temperature":0.2}');
    expect([inputPreview, outputPreview]).toEqual(["Where is my order?", "On its way."]);
  });

  it("keeps what no dialect claims", () => {
    expect(normalize(CHAT).facts.attributes).toEqual({ "custom.key": "kept" });
  });

  it("has audio tokens, of whichever convention, at their price", () => {
    const asked = {
      [GEN_AI.requestModel]: "gemini-2.5-flash",
      [GEN_AI.inputTokens]: 100_000,
      [GEN_AI.outputTokens]: 0,
    };
    const ofOtel = normalize({ "gen_ai.operation.name": "chat", ...asked, "gen_ai.usage.audio.input_tokens": 100_000 });
    const ofOpenInference = normalize({
      "openinference.span.kind": "LLM",
      "llm.model_name": "gemini-2.5-flash",
      "llm.token_count.prompt": 100_000,
      "llm.token_count.completion": 0,
      "llm.token_count.prompt_details.audio": 100_000,
    });
    for (const { facts } of [ofOtel, ofOpenInference]) {
      expect(facts.llm).toMatchObject({ input_tokens: 100_000, audio_tokens: { input_tokens: 100_000 } });
      expect(facts.cost?.usd).toBe("0.100000000");
    }
  });

  it("says null where usage is unknown, and has no price then", () => {
    const { facts } = normalize({ [GEN_AI.operationName]: "chat", [GEN_AI.requestModel]: "gpt-4o" });
    expect(facts.llm).toMatchObject({ input_tokens: null, output_tokens: null });
    expect(facts.cost).toBeNull();
  });

  it("has no price, not a zero one, when the model is unknown", () => {
    expect(
      normalize({ ...CHAT, [GEN_AI.requestModel]: "acme-1", [GEN_AI.responseModel]: "acme-1" }).facts.cost,
    ).toBeNull();
  });

  it("reads the names from before 1.27", () => {
    const { facts } = normalize({
      [GEN_AI.system]: "OpenAI",
      [GEN_AI.requestModel]: "gpt-4",
      [GEN_AI.promptTokens]: 3,
      [GEN_AI.completionTokens]: "4",
    });
    expect(facts.kind).toBe("llm");
    expect(facts.llm).toMatchObject({ provider: "openai", input_tokens: 3, output_tokens: 4 });
  });

  it("fits the record's schema once the writer has placed its payloads", () => {
    expect(record.safeParse({ ...normalize(CHAT).facts, payloads: {}, conflict: false }).error).toBeUndefined();
  });
});

describe("a GenAI tool call", () => {
  it("has the same arguments hash however the arguments are written", () => {
    const tool = (text: string) =>
      normalize({
        [GEN_AI.operationName]: "execute_tool",
        [GEN_AI.toolName]: "search",
        [GEN_AI.toolCallArguments]: text,
      }).facts.tool;
    expect(tool('{"q": "x", "n":1}')?.arguments_sha256).toBe(tool('{"n":1,"q":"x"}')?.arguments_sha256);
    expect(tool('{"q":"y","n":1}')?.arguments_sha256).not.toBe(tool('{"n":1,"q":"x"}')?.arguments_sha256);
  });

  it("keeps a result that is no JSON as text", () => {
    const { content, facts } = normalize({
      [GEN_AI.operationName]: "execute_tool",
      [GEN_AI.toolName]: "search",
      [GEN_AI.toolCallResult]: "nothing found",
    });
    expect(content.result).toBe('"nothing found"');
    expect(facts.tool?.result_bytes).toBe(15);
  });

  it("fails by error.type, by status or by an exception event", () => {
    const base = { [GEN_AI.operationName]: "execute_tool", [GEN_AI.toolName]: "search" };
    const exception = {
      name: "exception",
      time: "",
      attributes: { "exception.type": "TypeError", "exception.message": "no" },
    };
    expect(normalize({ ...base, "error.type": "timeout" }).facts.error).toEqual({ type: "timeout", message: null });
    expect(normalize(base, { statusCode: 2, statusMessage: "boom" }).facts.error).toEqual({
      type: "error",
      message: "boom",
    });
    expect(normalize(base, { events: [exception] }).facts.error).toEqual({ type: "TypeError", message: "no" });
    expect(normalize(base, { statusCode: 1 }).facts).toMatchObject({ status: "ok", error: null });
  });
});

describe("an agent", () => {
  const agent = { [GEN_AI.operationName]: "invoke_agent", [GEN_AI.agentName]: "support", [GEN_AI.inputTokens]: 5000 };

  it("ends the run when it is the root", () => {
    expect(normalize(agent, { parentSpanId: null }).facts).toMatchObject({
      event: "run_end",
      kind: "agent",
      end: { status: "completed", records: null },
    });
    expect(normalize(agent, { parentSpanId: null, statusCode: 2 }).facts.end?.status).toBe("failed");
  });

  it("is a step when it is a sub-agent, and its totals are nobody's tokens", () => {
    expect(normalize(agent).facts).toMatchObject({ event: "step", kind: "agent", end: null, llm: null });
  });
});

describe("the SDK's records", () => {
  it("carry the run's number, limits and end", () => {
    const { facts } = normalize(
      {
        [GEN_AI.operationName]: "invoke_agent",
        [RUNLEDGER.event]: "run_end",
        [RUNLEDGER.runSeq]: 7,
        [RUNLEDGER.runStatus]: "stopped",
        [RUNLEDGER.runOutcome]: "limit",
        [RUNLEDGER.runRecords]: 8,
        [RUNLEDGER.taskType]: "ticket",
        [RUNLEDGER.runId]: "my-run",
      },
      { parentSpanId: null },
    );
    expect(facts).toMatchObject({
      dialect: "runledger",
      event: "run_end",
      run_seq: 7,
      run_id: "my-run",
      run: { task_type: "ticket" },
    });
    expect(facts.end).toEqual({ status: "stopped", outcome: "limit", reason: null, records: 8 });
  });

  it("belong to their trace when the run id is too long for one, which stays an attribute", () => {
    const runId = "x".repeat(MAX_RUN_ID_CHARS + 1);
    const { facts } = normalize({ [RUNLEDGER.event]: "step", [RUNLEDGER.runId]: runId });
    expect(facts.run_id).toBe(facts.trace_id);
    expect(facts.attributes[RUNLEDGER.runId]).toBe(runId);
  });

  it("take words outside the closed lists for what the span itself says", () => {
    const { facts } = normalize({
      [RUNLEDGER.event]: "nonsense",
      [RUNLEDGER.stepKind]: "nonsense",
      [RUNLEDGER.runSeq]: -1,
    });
    expect(facts).toMatchObject({ event: "step", kind: "other", run_seq: null });
    expect(facts.attributes).toEqual({
      [RUNLEDGER.event]: "nonsense",
      [RUNLEDGER.stepKind]: "nonsense",
      [RUNLEDGER.runSeq]: -1,
    });
  });
});

describe("a plain span", () => {
  it("is kept whole as kind other", () => {
    const { facts } = normalize({ "http.method": "GET", __proto__: { evil: true }, nested: { a: [1, null] } });
    expect(facts).toMatchObject({ kind: "other", dialect: "plain", name: "span name" });
    expect(facts.attributes).toEqual({ "http.method": "GET", nested: { a: [1, null] } });
  });
});

describe("record_id", () => {
  it("is the same for the same span, whenever it came, and another for any change by the client", () => {
    const id = normalize(CHAT).facts.record_id;
    expect(
      normalizeSpan(span(CHAT), origin, { ...reception, receivedTime: "2027-01-01T00:00:00.000000000Z" }, price).facts
        .record_id,
    ).toBe(id);
    const reversed = Object.fromEntries(Object.entries(CHAT).reverse());
    expect(normalize(reversed).facts.record_id).toBe(id);
    expect(normalize({ ...CHAT, "custom.key": "changed" }).facts.record_id).not.toBe(id);
    expect(normalize(CHAT, { statusCode: 1 }).facts.record_id).not.toBe(id);
  });
});

describe("a long text in a record_id", () => {
  const long = "x".repeat(2_000);
  const id = (attributes: Record<string, unknown>) => normalize({ ...CHAT, ...attributes }).facts.record_id;

  it("tells as much as a short one", () => {
    const ids = [
      id({ note: long }),
      id({ note: `${long}y` }),
      id({ other: long }),
      id({ note: createHash("sha256").update(long).digest("hex") }),
      id({ note: `${long}\ud800` }),
      id({ note: `${long}\ud801` }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(id({ note: `${"x".repeat(1_999)}x` })).toBe(ids[0]);
  });
});

it("keeps a span whole as `other`, with the reason, when anything fails on it", () => {
  const failing = () => {
    throw new RangeError("Maximum call stack size exceeded");
  };
  const { facts } = normalizeSpan(span(CHAT), origin, reception, failing);
  expect(facts).toMatchObject({ kind: "other", dialect: "plain", name: "span name" });
  expect(facts.attributes).toMatchObject({
    ...CHAT,
    [RUNLEDGER.normalizeError]: "otel-genai: Maximum call stack size exceeded",
  });
});

it("has numbers of tokens that no call can have for unknown, so that no sum of them is more than a column holds", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const usage = { input: most, input_cached_tokens: most, output: most, output_reasoning_tokens: most };
  for (const attributes of [
    { "langfuse.observation.type": "generation", "langfuse.observation.usage_details": JSON.stringify(usage) },
    { "openinference.span.kind": "LLM", "llm.token_count.prompt": most, "llm.token_count.completion": most },
    { "ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": most, "ai.usage.outputTokens": most },
    { ...CHAT, [GEN_AI.inputTokens]: most, [GEN_AI.cacheReadTokens]: most, [GEN_AI.outputTokens]: most },
  ]) {
    const { facts } = normalize(attributes);
    expect(facts.llm).toMatchObject({ input_tokens: null, output_tokens: null, cache_read_tokens: null });
    expect(facts.cost).toBeNull();
    expect(() => record.parse({ ...facts, payloads: {}, conflict: false })).not.toThrow();
  }
});
