import { setTimeout as sleep } from "node:timers/promises";
import { type RunDetail, type RunledgerRecord, readEntries, unverifiedCheckpoint } from "@runledger/contract";
import { eventually, getJson, type Product, runledger, startProduct } from "../support/product.ts";
import { type JsonSpan, modelCall, newTraceId, postSpans } from "../support/spans.ts";

export interface KillNineSettings {
  dataDir: string;
  rounds: number;
  /** Senders at work at the same time. */
  senders: number;
  spansPerRequest: number;
  /** How long a sender rests after an answer, so that what is sent can be checked in the end. */
  restMs: number;
  /** A round lives between 0 and this. */
  maxLifeMs: number;
  random: () => number;
  log: (line: string) => void;
}

export interface KillNineResult {
  rounds: number;
  requests: number;
  /** Requests that had no answer when the process was killed, and were sent again. */
  resent: number;
  spans: number;
}

/** A request on its way; it is sent until it is acknowledged, with the same bytes each time. */
interface Outstanding {
  runId: string;
  spans: JsonSpan[];
}

const INPUT_TOKENS = 100;

/**
 * Kills the product with -9 at random moments while it takes in spans, and starts it again. Afterwards every acknowledged span must be
 * in the log once and in ClickHouse once, its tokens counted once, and the log must verify. @throws Error that tells what is not so.
 */
export async function killNine(settings: KillNineSettings): Promise<KillNineResult> {
  const sent = new Map<string, Set<string>>();
  const result: KillNineResult = { rounds: settings.rounds, requests: 0, resent: 0, spans: 0 };
  let unanswered: Outstanding[] = [];
  for (let round = 1; round <= settings.rounds; round++) {
    const product = await startProduct(settings.dataDir);
    const life = settings.random() * settings.maxLifeMs;
    result.resent += unanswered.length;
    const sending = sendUntilDead(product, newTraceId(), settings, unanswered, sent, result);
    await sleep(life);
    await product.kill();
    unanswered = await sending;
    settings.log(
      `round ${round}: killed after ${life.toFixed(0)} ms, ${result.spans} spans acknowledged so far, ${unanswered.length} requests unanswered`,
    );
  }
  const product = await startProduct(settings.dataDir);
  try {
    for (const outstanding of unanswered) await deliver(product, outstanding, sent, result);
    await checkRows(product, sent);
    await untilIntegrated(product);
    checkLog(await readLog(product), sent);
    await checkVerify(product, settings.dataDir);
  } finally {
    await product.stop();
  }
  return result;
}

/** Senders in parallel until the product is gone; resolves with the requests that no answer came to. */
async function sendUntilDead(
  product: Product,
  runId: string,
  settings: KillNineSettings,
  first: Outstanding[],
  sent: Map<string, Set<string>>,
  result: KillNineResult,
): Promise<Outstanding[]> {
  const waiting = [...first];
  const unanswered: Outstanding[] = [];
  const sender = async () => {
    for (;;) {
      const request = waiting.pop() ?? {
        runId,
        spans: Array.from({ length: settings.spansPerRequest }, () =>
          modelCall(runId, { "gen_ai.usage.input_tokens": INPUT_TOKENS }),
        ),
      };
      try {
        await deliver(product, request, sent, result);
        await sleep(settings.restMs);
      } catch {
        unanswered.push(request); // dead, or dying: whether it was journalled nobody knows
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: settings.senders }, sender));
  return [...unanswered, ...waiting];
}

async function deliver(
  product: Product,
  { runId, spans }: Outstanding,
  sent: Map<string, Set<string>>,
  result: KillNineResult,
): Promise<void> {
  const response = await postSpans(product.httpUrl, spans);
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
  const ids = sent.get(runId) ?? new Set();
  for (const span of spans) ids.add(span.spanId);
  sent.set(runId, ids);
  result.requests += 1;
  result.spans += spans.length;
}

async function checkRows(product: Product, sent: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
  for (const [runId, ids] of sent) {
    const ask = () => getJson<RunDetail>(`${product.apiUrl}/v1/runs/${runId}`).catch(() => null);
    const run = await eventually(ask, (seen) => (seen?.steps ?? 0) >= ids.size, 300_000);
    if (run?.steps !== ids.size)
      throw new Error(`run ${runId}: ${ids.size} spans acknowledged, ${run?.steps} steps in ClickHouse`);
    if (run.input_tokens !== ids.size * INPUT_TOKENS)
      throw new Error(`run ${runId}: tokens counted twice or lost: ${run.input_tokens} for ${ids.size} spans`);
    if (run.conflicts !== 0) throw new Error(`run ${runId}: ${run.conflicts} conflicts`);
  }
}

/** The log goes at its own pace: it is looked at when everything journalled is in it. */
async function untilIntegrated(product: Product): Promise<void> {
  const ask = async () => {
    const text = await (await fetch(`${product.apiUrl}/metrics`)).text();
    const last = Number(/^runledger_journal_last_seq (\d+)/m.exec(text)?.[1]);
    const next = Number(/^runledger_integrated_next_seq\{sink="audit"\} (\d+)/m.exec(text)?.[1]);
    return { last, next };
  };
  await eventually(ask, ({ last, next }) => next > last, 300_000);
}

/** How often each span stands in the log, by its run and id. */
async function readLog(product: Product): Promise<Map<string, number>> {
  const read = async (path: string) => {
    const response = await fetch(`${product.apiUrl}/v1/audit/${path}`);
    if (response.status === 404) return null;
    if (response.status !== 200) throw new Error(`${path}: status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const checkpoint = await read("checkpoint");
  if (checkpoint === null) throw new Error("the log has no checkpoint");
  const { size } = unverifiedCheckpoint(checkpoint);
  const counts = new Map<string, number>();
  for await (const { entry } of readEntries(read, 0, size, size)) {
    const { run_id, step_id } = JSON.parse(Buffer.from(entry).toString()) as RunledgerRecord;
    const key = `${run_id}/${step_id}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function checkLog(counts: ReadonlyMap<string, number>, sent: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [runId, ids] of sent) {
    for (const id of ids) {
      const count = counts.get(`${runId}/${id}`) ?? 0;
      if (count !== 1)
        throw new Error(`span ${id} of run ${runId} was acknowledged and stands in the log ${count} times`);
    }
  }
}

async function checkVerify(product: Product, dataDir: string): Promise<void> {
  const { stdout } = await runledger(["policy", "--data-dir", dataDir]);
  const key = /^log (\S+)/m.exec(stdout)?.[1] ?? "";
  const verified = await runledger(["verify", product.apiUrl, "--key", key]);
  if (verified.code !== 0) throw new Error(`verify ended with ${verified.code}:\n${verified.stdout}${verified.stderr}`);
}
