import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createRunledger, type Ledger, type Limits, type Settings } from "@runledger/sdk";

export interface SdkBenchSettings {
  rounds: number;
  /** Calls a round, one after the other. */
  calls: number;
}

/** CPU time a call, delivery to the collector included; the lowest of the rounds, since others use the machine too. */
export interface Cpu {
  /** Of the agent's thread. */
  threadMicros: number;
  /** Of the process: the thread that sends, garbage collection and what else there is. */
  processMicros: number;
}

export interface SdkFigures {
  call: string;
  plain: Cpu;
  /** Told by a span of OpenTelemetry's own with the same content as attributes; nothing, where it can't know as much. */
  span: Cpu | undefined;
  recorded: Cpu;
}

type Work = () => Promise<unknown>;

/**
 * What the SDK costs the agent: each call recorded, next to the same call without us, and with a bare span. The span is what an instrumentation
 * of a client makes that is handed the parsed request and answer: no body is parsed for it, but messages and tools are written as JSON. Model
 * and collector are another process.
 */
export async function benchSdk(settings: SdkBenchSettings): Promise<SdkFigures[]> {
  const server = fork(fileURLToPath(new URL("sdk-server-process.ts", import.meta.url)));
  const [ports] = (await once(server, "message")) as [{ grpc: number; model: number }];
  const endpoint = `http://127.0.0.1:${ports.grpc}`;
  const plain = createPlainTracer(endpoint);
  const ledgers: Ledger[] = [];
  const ledgerWith = (more: Settings = {}) => {
    const ledger = createRunledger({ endpoint, control: "off", ...more }, { environment: {} });
    ledgers.push(ledger);
    return ledger;
  };
  const ledger = ledgerWith();
  const recordedBy = (by: Ledger, work: Work, limits: Limits = {}) => {
    const agent = by.wrap(() => repeat(settings.calls, work), { agent: "bench", limits });
    return async () => {
      await agent();
      if (!(await by.flush())) throw new Error("the collector did not take the records in time");
    };
  };
  try {
    const figures: SdkFigures[] = [];
    for (const messages of [1, 21]) {
      const request = requestOf(messages);
      const body = JSON.stringify(request);
      const ask = asker(ports.model, body);
      const {
        plain: without,
        span,
        recorded,
        bounded,
        redacted,
      } = await compare(settings, {
        plain: () => repeat(settings.calls, ask),
        span: () => plain.sent(settings.calls, async () => plain.modelCall(request, await ask())),
        recorded: recordedBy(ledger, ask),
        bounded: recordedBy(ledger, ask, { tokens: 1e12, steps: 1e9 }),
        redacted: recordedBy(ledgerWith({ content: "redacted" }), ask),
      });
      const size = `${messages} message${messages > 1 ? "s" : ""} (${Math.round(body.length / 1024)} KB)`;
      figures.push({ call: `model call, ${size}`, plain: without, span, recorded });
      figures.push({ call: "the same, tokens bounded", plain: without, span, recorded: bounded });
      figures.push({ call: "the same, redacted", plain: without, span, recorded: redacted });
    }
    const turn = asker(ports.model, JSON.stringify(requestOf(1)), "?ask=tool");
    const answered = JSON.stringify(requestOf(1)).replace('"messages":[', `"messages":[${TOOL_ANSWERED},`);
    const next = asker(ports.model, answered);
    const both = async () => [await turn(), await next()];
    const inferred = await compare(settings, {
      plain: () => repeat(settings.calls, both),
      recorded: recordedBy(ledger, both),
    });
    figures.push({ call: "two model calls and an inferred tool", span: undefined, ...inferred });
    const tool = ledger.tool({ name: "find_order", input: { type: "object" }, run: () => TOOL_RESULT });
    const exact = await compare(settings, {
      plain: () => repeat(settings.calls, async () => TOOL_RESULT),
      span: () => plain.sent(settings.calls, async () => plain.toolCall()),
      recorded: recordedBy(ledger, () => tool(TOOL_ARGUMENTS)),
    });
    figures.push({ call: "exact tool", ...exact });
    return figures;
  } finally {
    for (const one of ledgers) await one.shutdown();
    await plain.close();
    server.kill();
  }
}

function asker(port: number, body: string, query = "") {
  const url = `http://127.0.0.1:${port}/v1/chat/completions${query}`;
  return async () => (await (await fetch(url, { method: "POST", body })).json()) as ChatAnswer;
}

/** The answer of the bench's model that asks for a tool, as the next request has it. */
const TOOL_ANSWERED = JSON.stringify({ role: "tool", tool_call_id: "call_bench", content: "shipped" });

/** In turns, so that each has the same of what else the machine does. */
async function compare<Kind extends string>(
  { rounds, calls }: SdkBenchSettings,
  works: Record<Kind, Work>,
): Promise<Record<Kind, Cpu>> {
  const kinds = Object.keys(works) as Kind[];
  const none: Cpu = { threadMicros: Infinity, processMicros: Infinity };
  const lowest = Object.fromEntries(kinds.map((kind) => [kind, none])) as Record<Kind, Cpu>;
  // The first rounds of each warm up and aren't counted.
  for (let round = -1; round <= rounds; round++) {
    for (const kind of kinds) {
      const [thread, whole] = [process.threadCpuUsage(), process.cpuUsage()];
      await works[kind]();
      const [ofThread, ofAll] = [process.threadCpuUsage(thread), process.cpuUsage(whole)];
      if (round <= 0) continue;
      lowest[kind] = {
        threadMicros: Math.min(lowest[kind].threadMicros, (ofThread.user + ofThread.system) / calls),
        processMicros: Math.min(lowest[kind].processMicros, (ofAll.user + ofAll.system) / calls),
      };
    }
  }
  return lowest;
}

async function repeat(times: number, work: Work): Promise<void> {
  for (let i = 0; i < times; i++) await work();
}

const TOOL_ARGUMENTS = { order: "A-10293", with_history: true };
const TOOL_RESULT = { order: "A-10293", state: "shipped", carrier: "DHL", eta: "2026-03-04" };

interface ChatAnswer {
  id: string;
  model: string;
  choices: { message: { content: string }; finish_reason: string }[];
  usage: { prompt_tokens: number; completion_tokens: number };
}
type ChatRequest = ReturnType<typeof requestOf>;

/** The measure of a step: a span of the same attributes, by OpenTelemetry's own batching to the same collector. */
function createPlainTracer(url: string) {
  const processor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }), maxQueueSize: 1_000_000 });
  const provider = new TracerProvider({ spanProcessors: [processor] });
  const tracer = provider.getTracer("bench");
  const common = { "gen_ai.agent.name": "bench", "runledger.run.seq": 1, "runledger.run.prev": "0".repeat(64) };
  return {
    async sent(count: number, work: Work) {
      await repeat(count, work);
      await processor.forceFlush();
    },
    toolCall() {
      const attributes = { ...common, ...TOOL_ATTRIBUTES };
      const span = tracer.startSpan("execute_tool find_order", { attributes });
      span.setAttribute("gen_ai.tool.call.arguments", JSON.stringify(TOOL_ARGUMENTS));
      span.setAttribute("gen_ai.tool.call.result", JSON.stringify(TOOL_RESULT));
      span.end();
    },
    modelCall({ model, temperature, messages, tools }: ChatRequest, answer: ChatAnswer) {
      const span = tracer.startSpan(`chat ${model}`, { attributes: { ...common, ...MODEL_ATTRIBUTES } });
      span.setAttributes({
        "gen_ai.request.model": model,
        "gen_ai.request.temperature": temperature,
        "gen_ai.system_instructions": JSON.stringify(messages.slice(0, 1)),
        "gen_ai.input.messages": JSON.stringify(messages.slice(1)),
        "gen_ai.tool.definitions": JSON.stringify(tools),
        "gen_ai.response.id": answer.id,
        "gen_ai.response.model": answer.model,
        "gen_ai.response.finish_reasons": answer.choices.map((choice) => choice.finish_reason),
        "gen_ai.output.messages": JSON.stringify(answer.choices.map((choice) => choice.message)),
        "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
        "runledger.raw_response": JSON.stringify(answer),
      });
      span.end();
    },
    close: () => provider.shutdown(),
  };
}

const TOOL_ATTRIBUTES = {
  "runledger.step.kind": "tool",
  "gen_ai.operation.name": "execute_tool",
  "gen_ai.tool.name": "find_order",
  "gen_ai.tool.type": "function",
  "runledger.tool.inferred": false,
  "runledger.tool.known": true,
  "runledger.tool.valid": true,
  "runledger.tool.attempt": 1,
};
const MODEL_ATTRIBUTES = {
  "runledger.step.kind": "llm",
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "server.address": "127.0.0.1",
  "server.port": 8080,
  "http.response.status_code": 200,
  "gen_ai.request.stream": false,
};

/** A conversation that has come to `messages`, a tool's arguments and result in every third. */
function requestOf(messages: number) {
  const parameters = { type: "object", properties: { order: { type: "string" } }, required: ["order"] };
  const text =
    "The customer asks where the parcel is, since the tracking page has said the same for three days. ".repeat(5);
  const history = Array.from({ length: messages }, (_, index) => {
    const id = `call_${Math.floor(index / 3)}`;
    if (index % 3 === 0) return { role: "user", content: text };
    if (index % 3 === 2) return { role: "tool", tool_call_id: id, content: JSON.stringify(TOOL_RESULT) };
    const asked = { name: "find_order", arguments: JSON.stringify(TOOL_ARGUMENTS) };
    return { role: "assistant", content: null, tool_calls: [{ id, type: "function", function: asked }] };
  });
  const tools = ["find_order", "refund", "escalate", "answer"].map((name) => ({
    type: "function",
    function: { name, description: `${name}: what it is for, in a sentence or two.`, parameters },
  }));
  return {
    model: "gpt-4o",
    temperature: 0,
    messages: [{ role: "system", content: "You help customers of a shop with their orders." }, ...history],
    tools,
  };
}
