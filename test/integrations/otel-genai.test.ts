import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectOnPage } from "./docs-page.ts";
import { type CallFact, expectModelCalls, llmSteps } from "./model-facts.ts";
import { type Integrations, type Outcome, startIntegrations } from "./run-scenario.ts";

const PAGE = "opentelemetry-genai.md";

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

const toolSteps = ({ runs }: Outcome) => runs.flatMap(({ steps }) => steps.filter(({ tool }) => tool !== null));

test("spans written by hand become a run with its agent and its model calls", async () => {
  const outcome = await integrations.run("otel-genai/hand-written.mjs", { script: [{ text: "Yes, from noon." }] });
  expectModelCalls(outcome);
  expect(outcome.run).toMatchObject({ status: "completed", agent: { name: "weather" }, dialect: "otel-genai" });
  await expectOnPage(PAGE, "otel-genai/hand-written.mjs", outcome);
});

const CITIES = [
  { name: "forecast", arguments: { city: "Oslo" } },
  { name: "forecast", arguments: { city: "Bergen" } },
];

describe("OpenTelemetry's instrumentation of openai", () => {
  let outcome: Outcome;
  beforeAll(async () => {
    outcome = await integrations.run("otel-genai/openai-instrumentation.cjs", {
      script: [
        { toolCalls: CITIES, usage: { input: 120, output: 30, cacheRead: 64, reasoning: 12 } },
        { text: "In Oslo and Bergen.", usage: { input: 180, output: 9 } },
        { reasoning: "Dry, perhaps.", text: "Let me see.", toolCalls: [{ name: "tomorrow", arguments: {} }] },
        { reasoning: "So dry.", text: "Dry.", usage: { input: 40, output: 7, reasoning: 3 } },
        { status: 400, message: "no messages" },
      ],
      environment: { OTEL_LOGS_EXPORTER: "otlp", OTEL_METRICS_EXPORTER: "otlp" },
    });
  });

  test("tells every call once, its messages in log events of two generations", () => {
    // It does not tell cached and reasoning tokens, nor that it streamed, nor what is embedded.
    const unknown: CallFact[] = ["cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "streaming"];
    expect(JSON.stringify(llmSteps(outcome).map(({ llm }) => llm.response))).toContain("So dry.");
    expectModelCalls(outcome, { unknown: ({ api }) => (api === "embeddings" ? [...unknown, "messages"] : unknown) });
  });

  test("tells the tools' calls under the ids that the model gave them", () => {
    const asked = outcome.exchanges[0]?.toolCalls.map(({ id }) => id);
    const seen = toolSteps(outcome).flatMap(({ tool }) => (tool?.inferred === false ? [tool.call_id] : []));
    expect(seen.toSorted()).toEqual(asked?.toSorted());
    expect(outcome.run).toMatchObject({ tools: expect.arrayContaining(["forecast"]), tool_errors: 0 });
  });

  test("is on the page as it comes out", () => expectOnPage(PAGE, "otel-genai/openai-instrumentation.cjs", outcome));

  test("tells the call that failed", () => {
    const failed = llmSteps(outcome).filter(({ status }) => status === "error");
    expect(failed).toMatchObject([{ error: { type: "BadRequestError" }, llm: { input_tokens: null } }]);
  });
});

describe("the spans of Anthropic's own SDK", () => {
  let outcome: Outcome;
  beforeAll(async () => {
    outcome = await integrations.run("otel-genai/anthropic-sdk.mjs", {
      script: [
        { text: "I look.", toolCalls: CITIES, usage: { input: 120, output: 30, cacheRead: 64, cacheWrite: 20 } },
        { text: "In Oslo and Bergen.", usage: { input: 180, output: 9, cacheRead: 100 } },
        { reasoning: "Hm.", text: "Everywhere, I think.", usage: { input: 33, output: 8 } },
        { status: 529, message: "overloaded" },
      ],
    });
  });

  test("tell every call once, with its cached tokens in the input", () => {
    expectModelCalls(outcome);
  });

  test("are a run of the tool runner's with its tools, and a run of each call outside of it", () => {
    expect(outcome.runs).toHaveLength(3);
    expect(outcome.run).toMatchObject({ status: "completed", llm_calls: 2, tool_call_count: 2, tools: ["forecast"] });
    for (const { id, arguments: given } of outcome.exchanges[0]?.toolCalls ?? []) {
      const text = `${(given as { city: string }).city}: rain from noon`;
      expect(toolSteps(outcome).find(({ tool }) => tool?.call_id === id)?.tool).toMatchObject({
        name: "forecast",
        arguments: given,
        result: [{ type: "text", text }],
      });
    }
  });

  test("are on the page as they come out", () => expectOnPage(PAGE, "otel-genai/anthropic-sdk.mjs", outcome));

  test("tell the call that was refused", () => {
    expect(llmSteps(outcome).filter(({ status }) => status === "error")).toMatchObject([
      { error: { type: "server_error" } },
    ]);
  });
});

describe("the same calls told by four at once, OpenTelemetry, OpenInference, Langfuse and our SDK, in traces of their own", () => {
  const answer = { text: "Fine.", usage: { input: 120, output: 30 }, delayMs: 20 };
  const script = [
    { status: 429, message: "slow down please", retryAfterMs: 1 },
    ...Array.from({ length: 7 }, () => answer),
    { status: 400, message: "no such thing" },
  ];

  test.each(["on", "off"])("count once, with content %s", async (content) => {
    const { runs, exchanges } = await integrations.run("otel-genai/apart.cjs", {
      script,
      environment: { CONTENT: content },
    });
    expect(exchanges).toHaveLength(12);
    const sum = (of: (run: Outcome["run"]) => number | null) =>
      runs.reduce((total, { run }) => total + (of(run) ?? 0), 0);
    const known = (of: "input" | "output") => exchanges.reduce((total, { usage }) => total + (usage?.[of] ?? 0), 0);
    const told = runs.flatMap(({ steps }) => steps).filter(({ kind }) => kind === "llm");
    expect(told.length).toBeGreaterThan(3 * exchanges.length);
    expect([sum((run) => run.llm_calls), sum((run) => run.input_tokens), sum((run) => run.output_tokens)]).toEqual([
      exchanges.length,
      known("input"),
      known("output"),
    ]);
  });
});
