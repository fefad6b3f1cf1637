import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Product, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

export interface ProductBenchSettings {
  /** Spans a second that are offered, one after the other. */
  rates: readonly number[];
  seconds: number;
  spansPerRequest: number;
  inFlight: number;
}

/** One row of the table: the whole product under a steady load. */
export interface ProductFigures {
  offeredPerSecond: number;
  acknowledgedPerSecond: number;
  /** Integrated into the slower sink while the load lasted. */
  integratedPerSecond: number;
  /** Spans acknowledged and not yet integrated when the load ended, and how long they took then. */
  backlogSpans: number;
  drainSeconds: number;
  /** From the answer to the API's first sight of the run, while the load lasts, ms. */
  visibleP50Ms: number;
  visibleP95Ms: number;
  /** CPU of the process (all threads) and of ClickHouse, µs a span. */
  cpuMicrosPerSpan: number;
  clickhouseMicrosPerSpan: number;
  peakMegabytes: number;
  errors: number;
}

const run = promisify(execFile);
const SINKS = ["audit", "metrics"] as const;
const CLOCK_TICKS_PER_SECOND = 100;
/** Asking is work for the product too: rarely enough not to be the load, often enough to tell 2 s from 3. */
const PROBE_POLL_MS = 100;
const PROBE_EVERY_MS = 250;

/** Offers spans to the product as users start it, and watches how far its sinks are. */
export async function benchProduct(settings: ProductBenchSettings): Promise<ProductFigures[]> {
  const figures: ProductFigures[] = [];
  for (const rate of settings.rates) {
    const home = await temporaryDir("bench");
    const product = await startProduct(home.dir);
    try {
      await load(product, { ...settings, seconds: 2 }, Math.min(rate, 5_000)); // compiled code, warm caches
      await untilDrained(product);
      figures.push(await measure(product, settings, rate));
    } finally {
      await product.kill();
      await home.remove();
    }
  }
  return figures;
}

async function measure(product: Product, settings: ProductBenchSettings, rate: number): Promise<ProductFigures> {
  const before = { integrated: await integrated(product), cpu: cpuOf(product) };
  const probing = { done: false };
  const probes = probeVisibility(product, probing);
  const startedMs = performance.now();
  const client = await load(product, settings, rate);
  const elapsed = (performance.now() - startedMs) / 1_000;
  const atEnd = await integrated(product);
  probing.done = true;
  const drainStartedMs = performance.now();
  await untilDrained(product);
  const drainSeconds = (performance.now() - drainStartedMs) / 1_000;
  const after = { integrated: await integrated(product), cpu: cpuOf(product) };
  const visibleMs = (await probes).sort((a, b) => a - b);
  const spans = after.integrated - before.integrated;
  return {
    offeredPerSecond: rate,
    acknowledgedPerSecond: client.spansPerSecond,
    integratedPerSecond: (atEnd - before.integrated) / elapsed,
    backlogSpans: after.integrated - atEnd,
    drainSeconds,
    visibleP50Ms: visibleMs[Math.floor(visibleMs.length * 0.5)] ?? Number.NaN,
    visibleP95Ms: visibleMs[Math.floor(visibleMs.length * 0.95)] ?? Number.NaN,
    cpuMicrosPerSpan: ((after.cpu.product - before.cpu.product) * 1e6) / spans,
    clickhouseMicrosPerSpan: ((after.cpu.clickhouse - before.cpu.clickhouse) * 1e6) / spans,
    peakMegabytes: peakMegabytes(product.process.pid ?? 0),
    errors: client.errors,
  };
}

async function load(
  product: Product,
  settings: ProductBenchSettings,
  rate: number,
): Promise<{ spansPerSecond: number; errors: number }> {
  const { seconds, inFlight, spansPerRequest } = settings;
  const args = ["http", new URL(product.httpUrl).port, seconds, inFlight, spansPerRequest, rate].map(String);
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, "load-client.ts"), ...args]);
  return JSON.parse(stdout);
}

/** A run of one span every now and then: how long until the API knows it. */
async function probeVisibility(product: Product, probing: { done: boolean }): Promise<number[]> {
  const seenMs: number[] = [];
  while (!probing.done) {
    const runId = newTraceId();
    const response = await postSpans(product.httpUrl, [modelCall(runId)]);
    const answeredMs = performance.now();
    if (response.status !== 200) continue;
    while ((await fetch(`${product.apiUrl}/v1/runs/${runId}`)).status !== 200) await sleep(PROBE_POLL_MS);
    seenMs.push(performance.now() - answeredMs);
    await sleep(PROBE_EVERY_MS);
  }
  return seenMs;
}

/** Records that are in both sinks. */
async function integrated(product: Product): Promise<number> {
  const text = await (await fetch(`${product.apiUrl}/metrics`)).text();
  const counts = SINKS.map((sink) =>
    Number(new RegExp(`^runledger_integrated_records_total\\{sink="${sink}"\\} (\\S+)`, "m").exec(text)?.[1] ?? 0),
  );
  return Math.min(...counts);
}

async function untilDrained(product: Product): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${product.apiUrl}/metrics`)).text();
    const last = Number(/^runledger_journal_last_seq (\S+)/m.exec(text)?.[1] ?? 0);
    const next = SINKS.map((sink) =>
      Number(new RegExp(`^runledger_integrated_next_seq\\{sink="${sink}"\\} (\\S+)`, "m").exec(text)?.[1] ?? 0),
    );
    if (Math.min(...next) > last) return;
    await sleep(20);
  }
}

/** CPU seconds used so far. Linux only. */
function cpuOf(product: Product): { product: number; clickhouse: number } {
  const pid = product.process.pid ?? 0;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number);
  return { product: cpuSeconds(pid), clickhouse: children.map(cpuSeconds).reduce((sum, seconds) => sum + seconds, 0) };
}

function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

function peakMegabytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}
