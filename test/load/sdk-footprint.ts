import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { createRunledger } from "@runledger/sdk";

const LOOK = { name: "find_order", input: { type: "object" }, run: () => ({ order: "A-10293", state: "shipped" }) };
const ARGUMENTS = { order: "A-10293", with_history: true };
const OFF = { control: "off", spoolDir: "off", log: () => {} } as const;

export interface Percentiles {
  what: string;
  p50Micros: number;
  p99Micros: number;
}
export interface StepPercentiles extends Percentiles {
  /** Of the steps past p99, those in which memory was collected. Of the others the machine gave the time to somebody else, or code was compiled. */
  collecting: number;
}

/** Single steps of an agent that lets the event loop run in between, so records are handed over and sent meanwhile; next to a bare span that nobody exports. */
export async function stepPercentiles(calls: number): Promise<StepPercentiles[]> {
  const server = fork(fileURLToPath(new URL("sdk-server-process.ts", import.meta.url)));
  const [ports] = (await once(server, "message")) as [{ grpc: number }];
  const ledger = createRunledger({ ...OFF, endpoint: `http://127.0.0.1:${ports.grpc}` }, { environment: {} });
  const tool = ledger.tool(LOOK);
  const plainTool = async () => LOOK.run();
  const tracer = new TracerProvider().getTracer("bench");
  const span = async () => {
    const one = tracer.startSpan("execute_tool find_order", { attributes: { "gen_ai.tool.name": "find_order" } });
    one.setAttribute("gen_ai.tool.call.arguments", JSON.stringify(ARGUMENTS));
    one.setAttribute("gen_ai.tool.call.result", JSON.stringify(await plainTool()));
    one.end();
  };
  const agent = ledger.wrap(() => stepsOf(calls, () => tool(ARGUMENTS)), { agent: "bench" });
  // The first of each is to warm up.
  await agent();
  await stepsOf(calls, span);
  const figures = [
    { what: "a bare span, not exported", ...(await stepsOf(calls, span)) },
    { what: "a recorded tool call", ...(await agent()) },
  ];
  await ledger.shutdown();
  server.kill();
  return figures;
}

async function stepsOf(times: number, work: () => Promise<unknown>): Promise<Omit<StepPercentiles, "what">> {
  const collections: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  const steps: { begin: number; end: number }[] = [];
  for (let i = 0; i < times; i++) {
    await new Promise(setImmediate);
    const begin = performance.now();
    await work();
    steps.push({ begin, end: performance.now() });
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  const found = percentiles(steps.map(({ begin, end }) => (end - begin) * 1000));
  const slow = steps.filter(({ begin, end }) => (end - begin) * 1000 > found.p99Micros);
  const collected = slow.filter(({ begin, end }) =>
    collections.some(({ startTime, duration }) => startTime < end && startTime + duration > begin),
  );
  return { ...found, collecting: collected.length / Math.max(1, slow.length) };
}

/** Until the first piece of a streamed answer is in the agent's hands, without us and recorded. */
export async function firstChunkPercentiles(calls: number): Promise<Percentiles[]> {
  const model = createServer((request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "Hi" } }] })}\n\n`);
      setTimeout(() => response.end("data: [DONE]\n\n"), 1);
    });
  });
  await once(model.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1/chat/completions`;
  const body = JSON.stringify({ model: "gpt-4o", stream: true, messages: [{ role: "user", content: "Hello" }] });
  const times: { plain: number[]; recorded: number[] } = { plain: [], recorded: [] };
  const ask = async (into: number[]) => {
    const begin = performance.now();
    const response = await fetch(url, { method: "POST", body });
    const reader = response.body?.getReader();
    await reader?.read();
    into.push((performance.now() - begin) * 1000);
    while (!(await reader?.read())?.done);
  };
  const ledger = createRunledger({ ...OFF, endpoint: "http://127.0.0.1:9" }, { environment: {} });
  const agent = ledger.wrap(() => ask(times.recorded), { agent: "bench" });
  for (let i = 0; i < calls; i++) {
    await ask(times.plain);
    await agent();
  }
  await ledger.shutdown();
  model.close();
  return [
    { what: "first chunk of a stream, without us", ...percentiles(times.plain.slice(calls / 10)) },
    { what: "the same, recorded", ...percentiles(times.recorded.slice(calls / 10)) },
  ];
}

/** What so many steps take in memory while no collector answers, without a spool; MB. Needs --expose-gc to be exact. */
export async function memoryWithoutCollector(
  steps: number,
): Promise<{ heapMegabytes: number; queuedMegabytes: number }> {
  const ledger = createRunledger({ ...OFF, endpoint: "http://127.0.0.1:9", flushTimeoutMs: 10 }, { environment: {} });
  const tool = ledger.tool(LOOK);
  await ledger.wrap(async () => await tool(ARGUMENTS), { agent: "bench" })();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  await ledger.wrap(() => timed(steps, () => tool(ARGUMENTS)), { agent: "bench" })();
  globalThis.gc?.();
  const heapMegabytes = (process.memoryUsage().heapUsed - before) / 1e6;
  const queuedMegabytes = ledger.stats().queuedBytes / 1e6;
  await ledger.shutdown();
  return { heapMegabytes, queuedMegabytes };
}

async function timed(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const micros: number[] = [];
  for (let i = 0; i < times; i++) {
    const begin = performance.now();
    await work();
    micros.push((performance.now() - begin) * 1000);
  }
  return micros;
}

function percentiles(micros: readonly number[]): { p50Micros: number; p99Micros: number } {
  const sorted = micros.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { p50Micros: at(0.5), p99Micros: at(0.99) };
}
