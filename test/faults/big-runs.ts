import { gzipSync } from "node:zlib";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { RunDetail, RunList, StepDetail, StepList } from "@runledger/contract";
import { peakBytes, resetPeaks } from "../support/process-memory.ts";
import { eventually, type Product } from "../support/product.ts";
import { type JsonSpan, modelCall, newTraceId, postSpans, tracesRequest } from "../support/spans.ts";

export interface BigRunFigures {
  what: string;
  sentBytes: number;
  /** From the first request until everything can be read. */
  seconds: number;
  /** Reading back, ms: the slowest answer. */
  slowestReadMs: number;
  peakProductBytes: number;
  peakClickHouseBytes: number;
}

/** The limit on a request, with and without its compression. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
const SPANS_PER_REQUEST = 500;
const PAGE = 1_000;
const INTEGRATED_WITHIN_MS = 600_000;

/** A message of `bytes` that no other is like: random words, quotes and characters of several bytes, from a seed. */
export function messageOf(seed: number, bytes: number): { role: string; parts: object[] } {
  const words = ["state", "größer", '"id": 7', "東京", "result\n", "🙂", "\\path", "total"];
  let state = seed + 1;
  const parts: string[] = [];
  for (let length = 0; length < bytes; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const word = `${words[state % words.length]} ${state.toString(36)} `;
    parts.push(word);
    length += Buffer.byteLength(word);
  }
  return { role: seed % 2 === 0 ? "user" : "assistant", parts: [{ type: "text", content: parts.join("") }] };
}

/** One run of many spans: all of them are in its pages, in order, once each. */
export async function manySpans(product: Product, spans: number): Promise<BigRunFigures> {
  const runId = newTraceId();
  return measured(product, `${spans} spans in a run`, async (figures) => {
    const sent = new Set<string>();
    while (sent.size < spans) {
      const batch = Array.from({ length: Math.min(SPANS_PER_REQUEST, spans - sent.size) }, (_, i) =>
        modelCall(runId, { "gen_ai.input.messages": JSON.stringify([messageOf(sent.size + i, 300)]) }),
      );
      figures.sentBytes += await posted(product, batch);
      for (const { spanId } of batch) sent.add(spanId);
    }
    await eventually(
      () => runOf(product, runId),
      (run) => run?.steps === spans,
      INTEGRATED_WITHIN_MS,
    );
    return async (timed) => {
      const seen = new Set<string>();
      let last = 0;
      let cursor: string | null = null;
      do {
        const more: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const url = `${product.apiUrl}/v1/runs/${runId}/steps?limit=${PAGE}${more}`;
        const page: StepList = await timed(() => answerOf<StepList>(url));
        for (const { seq, step_id } of page.items) {
          if (seq !== ++last) throw new Error(`step ${seq} follows step ${last - 1}`);
          seen.add(step_id);
        }
        cursor = page.next_cursor;
      } while (cursor !== null);
      if (seen.size !== spans || [...sent].some((id) => !seen.has(id)))
        throw new Error(`${spans} spans were sent, the pages show ${seen.size}`);
      await timed(() => answerOf<RunList>(`${product.apiUrl}/v1/runs`));
      await timed(() => answerOf<RunDetail>(`${product.apiUrl}/v1/runs/${runId}`));
    };
  });
}

/** A run that sends its whole history at each step, read back to the last character. `check`: which of the steps are read. */
export async function longHistory(
  product: Product,
  { steps, messageBytes, checked }: { steps: number; messageBytes: number; checked: readonly number[] },
): Promise<BigRunFigures> {
  const runId = newTraceId();
  return measured(product, `${steps} steps with a history of ${messageBytes} bytes a step`, async (figures) => {
    const stepIds: string[] = [];
    const texts: string[] = [];
    for (let step = 0; step < steps; step++) {
      texts.push(JSON.stringify(messageOf(step, messageBytes)));
      const span = modelCall(runId, { "gen_ai.input.messages": `[${texts.join(",")}]` });
      stepIds.push(span.spanId);
      figures.sentBytes += await posted(product, [span]);
    }
    await eventually(
      () => runOf(product, runId),
      (run) => run?.steps === steps,
      INTEGRATED_WITHIN_MS,
    );
    return async (timed) => {
      for (const step of checked) {
        const detail = await timed(() => detailOf(product, runId, stepIds[step] ?? ""));
        const read = JSON.stringify(detail.llm?.messages);
        if (read !== `[${texts.slice(0, step + 1).join(",")}]`)
          throw new Error(`step ${step} reads back as ${read?.length} characters that are not what was sent`);
      }
    };
  });
}

/** A request as large as may be is taken whole; one byte more is refused whole, and the answer names the limit. */
export async function requestAtTheLimit(product: Product, maxBytes = MAX_REQUEST_BYTES): Promise<BigRunFigures> {
  const runId = newTraceId();
  return measured(product, `a request of ${maxBytes} bytes`, async (figures) => {
    const empty = modelCall(runId, { "gen_ai.input.messages": listOf(0) });
    // A connection that was idle while others were at work is closed just when so much is sent over it, now and then.
    await posted(product, []);
    const room = maxBytes - Buffer.byteLength(JSON.stringify(tracesRequest([empty])));
    figures.sentBytes += await posted(product, [withMessages(empty, listOf(room))]);
    if (figures.sentBytes !== maxBytes) throw new Error(`the request had ${figures.sentBytes} bytes, not ${maxBytes}`);
    const tooLarge = JSON.stringify(tracesRequest([withMessages(empty, listOf(room + 1))]));
    for (const [body, headers] of [
      [tooLarge, {}],
      [gzipSync(tooLarge), { "content-encoding": "gzip" }],
    ] as const) {
      const response = await fetch(`${product.httpUrl}/v1/traces`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      });
      const answer = await response.text();
      if (response.status !== 413 || !answer.includes(String(maxBytes)))
        throw new Error(`a request beyond the limit was answered ${response.status}: ${answer}`);
    }
    const error = await exportOverGrpc(product, Buffer.alloc(maxBytes + 1, 10));
    if (error?.code !== 8 || !/\d{8}/.test(error.details))
      throw new Error(`a gRPC request beyond the limit was answered ${error?.code}: ${error?.details}`);
    await eventually(
      () => runOf(product, runId),
      (run) => run?.steps === 1,
      INTEGRATED_WITHIN_MS,
    );
    return async (timed) => {
      const detail = await timed(() => detailOf(product, runId, empty.spanId));
      if (JSON.stringify(detail.llm?.messages) !== listOf(room))
        throw new Error("the largest request reads back otherwise");
    };
  });
}

/** A list of one message, of so many characters. */
function listOf(characters: number): string {
  return JSON.stringify([{ role: "user", parts: [{ type: "text", content: "x".repeat(characters) }] }]);
}

function withMessages(span: JsonSpan, messages: string): JsonSpan {
  const rest = span.attributes.filter(({ key }) => key !== "gen_ai.input.messages");
  return { ...span, attributes: [...rest, { key: "gen_ai.input.messages", value: { stringValue: messages } }] };
}

type Timed = <Result>(read: () => Promise<Result>) => Promise<Result>;

/** Runs what sends, waits for the audit log, then what reads; with the peaks of memory meanwhile. */
async function measured(
  product: Product,
  what: string,
  send: (figures: BigRunFigures) => Promise<(timed: Timed) => Promise<void>>,
): Promise<BigRunFigures> {
  const pid = product.process.pid ?? 0;
  const figures = { what, sentBytes: 0, seconds: 0, slowestReadMs: 0, peakProductBytes: 0, peakClickHouseBytes: 0 };
  resetPeaks(pid);
  const startedMs = performance.now();
  const readBack = await send(figures);
  await untilInLog(product);
  figures.seconds = (performance.now() - startedMs) / 1_000;
  await readBack(async (read) => {
    const sinceMs = performance.now();
    const result = await read();
    figures.slowestReadMs = Math.max(figures.slowestReadMs, performance.now() - sinceMs);
    return result;
  });
  const { product: peakProductBytes, clickhouse: peakClickHouseBytes } = peakBytes(pid);
  return { ...figures, peakProductBytes, peakClickHouseBytes };
}

async function posted(product: Product, spans: JsonSpan[]): Promise<number> {
  const response = await postSpans(product.httpUrl, spans);
  if (response.status !== 200) throw new Error(`a request was answered ${response.status}: ${await response.text()}`);
  return Buffer.byteLength(JSON.stringify(tracesRequest(spans)));
}

async function runOf(product: Product, runId: string): Promise<RunDetail | null> {
  const response = await fetch(`${product.apiUrl}/v1/runs/${runId}`);
  return response.status === 200 ? ((await response.json()) as RunDetail) : null;
}

async function untilInLog(product: Product): Promise<void> {
  await eventually(
    async () => (await fetch(`${product.apiUrl}/metrics`)).text(),
    (text) => {
      const last = Number(/^runledger_journal_last_seq (\S+)/m.exec(text)?.[1] ?? 0);
      const next = Number(/^runledger_integrated_next_seq\{sink="audit"\} (\S+)/m.exec(text)?.[1] ?? 0);
      return next > last;
    },
    INTEGRATED_WITHIN_MS,
  );
}

/** The step, when its content is there: the log's index in ClickHouse follows the log. */
async function detailOf(product: Product, runId: string, stepId: string): Promise<StepDetail> {
  const url = `${product.apiUrl}/v1/runs/${runId}/steps/${stepId}`;
  return eventually(
    () => answerOf<StepDetail>(url),
    ({ content }) => content !== "pending",
  );
}

async function answerOf<Answer>(url: string): Promise<Answer> {
  const answer = await eventually(
    () => getUnlessBusy<Answer>(url),
    (found) => found !== null,
  );
  if (answer === null) throw new Error(`${url} was never answered`);
  return answer;
}

/** As any client does it: asked to come again (503), it does. */
async function getUnlessBusy<Answer>(url: string): Promise<Answer | null> {
  const response = await fetch(url);
  if (response.status === 503) return null;
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

function exportOverGrpc(product: Product, body: Buffer): Promise<ServiceError | null> {
  const client = new Client(new URL(product.grpcUrl).host, credentials.createInsecure(), {
    "grpc.max_send_message_length": -1,
  });
  const asBytes = (bytes: Buffer) => bytes;
  const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  return new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(path, asBytes, asBytes, body, new Metadata(), {}, (error) => resolve(error));
  }).finally(() => client.close());
}
