import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createRunledger } from "@runledger/sdk";

export interface SdkBenchSettings {
  rounds: number;
  /** Calls a round, one after the other. */
  calls: number;
}

/** CPU time of the agent's thread a call, delivery to the collector included; the median of the rounds. */
export interface SdkFigures {
  call: string;
  plainMicros: number;
  recordedMicros: number;
}

/** What the SDK costs the agent: each call recorded, next to the same call without us. Model and collector are another process. */
export async function benchSdk(settings: SdkBenchSettings): Promise<SdkFigures[]> {
  const server = fork(fileURLToPath(new URL("sdk-server-process.ts", import.meta.url)));
  const [ports] = (await once(server, "message")) as [{ grpc: number; model: number }];
  const endpoint = `http://127.0.0.1:${ports.grpc}`;
  const ledger = createRunledger({ endpoint, control: "off" }, { environment: {} });
  const plain = createPlainTracer(endpoint);
  try {
    const recorded = async (work: () => Promise<unknown>) => {
      const agent = ledger.wrap(() => repeat(settings.calls, work), { agent: "bench" });
      await agent();
      if (!(await ledger.flush())) throw new Error("the collector did not take the records in time");
    };
    const figures: SdkFigures[] = [];
    for (const messages of [1, 21]) {
      const body = JSON.stringify(requestOf(messages));
      const ask = async () => {
        const answer = await fetch(`http://127.0.0.1:${ports.model}/v1/chat/completions`, { method: "POST", body });
        return await answer.json();
      };
      const call = `model call, ${messages} message${messages > 1 ? "s" : ""} (${Math.round(body.length / 1024)} KB)`;
      const medians = await compare(
        settings,
        () => repeat(settings.calls, ask),
        () => recorded(ask),
      );
      figures.push({ call, ...medians });
    }
    const tool = ledger.tool({ name: "find_order", input: { type: "object" }, run: () => TOOL_RESULT });
    const medians = await compare(
      settings,
      () => plain.spans(settings.calls),
      () => recorded(() => tool(TOOL_ARGUMENTS)),
    );
    figures.push({ call: "exact tool, next to a bare OpenTelemetry span", ...medians });
    return figures;
  } finally {
    await ledger.shutdown();
    await plain.close();
    server.kill();
  }
}

async function compare(
  { rounds, calls }: SdkBenchSettings,
  plain: () => Promise<unknown>,
  recorded: () => Promise<unknown>,
): Promise<{ plainMicros: number; recordedMicros: number }> {
  const times: { plain: number[]; recorded: number[] } = { plain: [], recorded: [] };
  // The first round of each warms up and isn't counted.
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, work] of [
      ["plain", plain],
      ["recorded", recorded],
    ] as const) {
      const before = process.threadCpuUsage();
      await work();
      const { user, system } = process.threadCpuUsage(before);
      if (round > 0) times[kind].push((user + system) / calls);
    }
  }
  return { plainMicros: median(times.plain), recordedMicros: median(times.recorded) };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) await work();
}

const TOOL_ARGUMENTS = { order: "A-10293", with_history: true };
const TOOL_RESULT = { order: "A-10293", state: "shipped", carrier: "DHL", eta: "2026-03-04" };

/** The measure of a tool step: a span of the same attributes, by OpenTelemetry's own batching to the same collector. */
function createPlainTracer(url: string) {
  const processor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }), maxQueueSize: 1_000_000 });
  const provider = new TracerProvider({ spanProcessors: [processor] });
  const tracer = provider.getTracer("bench");
  const attributes = {
    "gen_ai.agent.name": "bench",
    "runledger.step.kind": "tool",
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "find_order",
    "gen_ai.tool.type": "function",
    "runledger.tool.inferred": false,
    "runledger.tool.known": true,
    "runledger.tool.valid": true,
    "runledger.tool.attempt": 1,
  };
  return {
    async spans(count: number) {
      await repeat(count, async () => {
        const span = tracer.startSpan("execute_tool find_order", { attributes });
        span.setAttribute("gen_ai.tool.call.arguments", JSON.stringify(TOOL_ARGUMENTS));
        span.setAttribute("gen_ai.tool.call.result", JSON.stringify(TOOL_RESULT));
        span.end();
      });
      await processor.forceFlush();
    },
    close: () => provider.shutdown(),
  };
}

/** A conversation that has come to `messages`, a tool's arguments and result in every third. */
function requestOf(messages: number): object {
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
