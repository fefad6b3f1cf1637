import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, WIRES, type Wire, type WireApi } from "./fake-model-wires.ts";

/** What a model reports: `input` counts cached tokens too, `output` the reasoning. */
export interface Usage {
  input: number;
  output: number;
  cacheRead?: number;
  cacheWrite?: number;
  reasoning?: number;
}

/** One answer of the model. Embeddings take no turn. */
export interface Turn {
  text?: string;
  /** Several are asked for in parallel. */
  toolCalls?: { name: string; arguments: unknown }[];
  reasoning?: string;
  /** Default: a number of its own for each call. null: the model reports none. */
  usage?: Usage | null;
  /** Default: what the answer implies. */
  finishReason?: "stop" | "tool_calls" | "length";
  /** Not 200: an error in the provider's form. */
  status?: number;
  message?: string;
  retryAfterMs?: number;
  /** Before the first byte, ms. */
  delayMs?: number;
  /** Cuts the connection after so many chunks of a stream. */
  breakAfterChunks?: number;
}
export type Script = readonly Turn[] | ((request: Record<string, unknown>, number: number) => Turn);

/** What the server knows of one call. What it did not send is null. */
export interface Exchange {
  api: WireApi;
  stream: boolean;
  status: number;
  /** As it came. */
  request: Record<string, unknown>;
  /** The body, also when it went out in chunks. */
  response: unknown;
  requestModel: string;
  responseModel: string | null;
  responseId: string | null;
  text: string | null;
  reasoning: string | null;
  toolCalls: { id: string; name: string; arguments: unknown }[];
  /** The provider's word: stop, tool_calls, end_turn, tool_use, completed, … */
  finishReason: string | null;
  /** Null as well when a stream was not asked to tell it. */
  usage: Usage | null;
}

export interface FakeModelServer {
  /** OPENAI_BASE_URL */
  openaiUrl: string;
  /** ANTHROPIC_BASE_URL */
  anthropicUrl: string;
  exchanges: readonly Exchange[];
  /** Ends what is open. */
  close(): Promise<void>;
}

/** The dated snapshot that answers for an alias, as the providers do. */
const SNAPSHOTS: Readonly<Record<string, string>> = {
  "gpt-4o": "gpt-4o-2024-08-06",
  "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
  "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
};

/**
 * OpenAI's chat completions, responses and embeddings and Anthropic's messages on a free loopback port, plain and streamed.
 * Calls are answered with the turns of `script` in their order; one turn too many is an error that clients don't try again.
 */
export async function startFakeModelServer(script: Script): Promise<FakeModelServer> {
  const exchanges: Exchange[] = [];
  let turns = 0;

  function nextTurn(request: Record<string, unknown>, api: WireApi): Turn {
    if (api === "embeddings") return { usage: { input: 8 + exchanges.length, output: 0 } };
    const number = turns++;
    const usage = { input: 100 + number, output: 10 + number };
    const turn = typeof script === "function" ? script(request, number) : script[number];
    return { usage, ...(turn ?? { status: 400, message: `the script has no turn ${number + 1}` }) };
  }

  async function answer(api: WireApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: Record<string, unknown> = JSON.parse(await textOf(request));
    const turn = nextTurn(body, api);
    const wire = WIRES[api];
    const exchange = exchangeOf(api, body, turn);
    exchanges.push(exchange);
    await sleep(turn.delayMs ?? 0);
    response.setHeader("x-request-id", `req_${randomUUID()}`);
    response.setHeader("request-id", `req_${randomUUID()}`);
    if (exchange.status !== 200) return sendError(response, wire, exchange, turn);
    const full = answerOf(wire, exchange, turn);
    exchange.response = wire.body(full);
    if (exchange.stream) return await sendStream(response, wire.stream(full, exchange.request), turn.breakAfterChunks);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(exchange.response));
  }

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const api = (Object.keys(WIRES) as WireApi[]).find((candidate) => path.endsWith(WIRES[candidate].path));
    if (request.method !== "POST" || api === undefined) return void response.writeHead(404).end("{}");
    answer(api, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(400).end(JSON.stringify({ error: { message: String(error) } }));
      else response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    openaiUrl: `http://127.0.0.1:${port}/v1`,
    anthropicUrl: `http://127.0.0.1:${port}`,
    exchanges,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function exchangeOf(api: WireApi, request: Record<string, unknown>, turn: Turn): Exchange {
  const status = turn.status ?? 200;
  const ok = status === 200;
  const wire = WIRES[api];
  const requestModel = String(request["model"]);
  const stream = request["stream"] === true;
  const toolCalls = (turn.toolCalls ?? []).map((call) => ({ id: `${wire.callIdPrefix}${shortId()}`, ...call }));
  const finish = turn.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop");
  return {
    api,
    stream,
    status,
    request,
    response: null,
    requestModel,
    responseModel: ok ? (SNAPSHOTS[requestModel] ?? requestModel) : null,
    responseId: ok && wire.idPrefix !== null ? `${wire.idPrefix}${shortId()}` : null,
    text: turn.text ?? null,
    reasoning: turn.reasoning ?? null,
    toolCalls: ok ? toolCalls : [],
    finishReason: ok ? wire.finishReason[finish] : null,
    usage: ok && (!stream || wire.tellsUsage(request)) ? (turn.usage ?? null) : null,
  };
}

function answerOf(wire: Wire, exchange: Exchange, turn: Turn): Answer {
  return {
    id: exchange.responseId ?? "",
    model: exchange.responseModel ?? exchange.requestModel,
    text: exchange.text,
    reasoning: exchange.reasoning,
    toolCalls: exchange.toolCalls.map((call) => ({ ...call, json: argumentsText(call.arguments) })),
    finishReason: exchange.finishReason ?? "",
    usage: turn.usage ? wire.usage(turn.usage) : null,
    request: exchange.request,
  };
}

/** Text is sent as it is: a model's arguments need not be JSON. */
function argumentsText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function shortId(): string {
  return randomUUID().replaceAll("-", "").slice(0, 24);
}

function sendError(response: ServerResponse, wire: Wire, exchange: Exchange, turn: Turn): void {
  const { status } = exchange;
  const type = status === 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error";
  exchange.response = wire.error(type, turn.message ?? "the server had an error");
  if (turn.retryAfterMs !== undefined) {
    response.setHeader("retry-after-ms", String(turn.retryAfterMs));
    response.setHeader("retry-after", String(Math.ceil(turn.retryAfterMs / 1000)));
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(exchange.response));
}

async function sendStream(response: ServerResponse, chunks: readonly string[], breakAfter?: number): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  for (const [index, chunk] of chunks.entries()) {
    if (index === breakAfter) return void response.destroy();
    response.write(chunk);
    await sleep(1); // so that chunks come apart, as from a model
  }
  response.end();
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
