import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

/** What a script is asked: the request as it came, and how many this conversation has had before. */
export interface FakeRequest {
  model: string;
  messages: FakeMessage[];
  stream: boolean;
  /** Tool results among the messages: how far the conversation is. */
  toolResults: number;
  /** Requests to this server so far with the same `x-fake-key` (a script's own counter), this one not counted. */
  earlier: number;
  /** The header `x-fake-script`. */
  script: string;
}
export interface FakeMessage {
  role: string;
  content?: unknown;
  [key: string]: unknown;
}

/** What the model answers. */
export interface FakeAnswer {
  /** Not 200: an error in OpenAI's form. */
  status?: number;
  headers?: Record<string, string>;
  content?: string;
  toolCalls?: { name: string; arguments: unknown }[];
  /** Undefined: none is reported. */
  usage?: { prompt: number; completion: number; cached?: number; reasoning?: number };
  finishReason?: string;
  /** Before the first byte, ms. */
  delayMs?: number;
  /** Between the chunks of a stream, ms. */
  chunkDelayMs?: number;
  /** Cuts the connection after so many chunks of a stream. */
  breakAfterChunks?: number;
}
export type FakeScript = (request: FakeRequest) => FakeAnswer;

export interface FakeModel {
  /** For the client's `baseURL`. */
  baseUrl: string;
  /** The bodies it was asked, in order. */
  requests: unknown[];
  close(): Promise<void>;
}

const wireRequest = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string() })),
  stream: z.boolean().nullish(),
});

/** An OpenAI-compatible server on a free loopback port. `scripts` are chosen by the header `x-fake-script`, else by model, else `default`. */
export async function startFakeModel(scripts: Readonly<Record<string, FakeScript>>): Promise<FakeModel> {
  const requests: unknown[] = [];
  const asked = new Map<string, number>();
  let answers = 0;

  async function complete(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: unknown = JSON.parse(await textOf(request));
    requests.push(body);
    const { model, messages, stream } = wireRequest.parse(body);
    const script = header(request, "x-fake-script") ?? model;
    const key = header(request, "x-fake-key") ?? script;
    const earlier = asked.get(key) ?? 0;
    asked.set(key, earlier + 1);
    const answerWith = scripts[script] ?? scripts["default"];
    if (answerWith === undefined) return sendError(response, 404, `The model \`${model}\` does not exist`);
    const toolResults = messages.filter((message) => message.role === "tool").length;
    const answer = answerWith({ model, messages, stream: stream ?? false, toolResults, earlier, script });
    await sleep(answer.delayMs ?? 0);
    response.setHeader("x-request-id", `req_${key}_${earlier}`);
    for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
    if (answer.status !== undefined && answer.status !== 200) return sendError(response, answer.status, answer.content);
    const completion = completionOf(model, answer, ++answers);
    if (stream) return await sendStream(response, completion, answer, wantsUsage(body));
    sendJson(response, 200, completion);
  }

  const server = createServer((request, response) => {
    if (request.method === "GET" && request.url?.endsWith("/models")) {
      const data = Object.keys(scripts).map((id) => ({ id, object: "model", created: 0, owned_by: "fake" }));
      return sendJson(response, 200, { object: "list", data });
    }
    if (request.method !== "POST" || !request.url?.endsWith("/chat/completions")) {
      return sendError(response, 404, "Unknown request URL");
    }
    complete(request, response).catch((error: unknown) => {
      if (!response.headersSent) sendError(response, 400, error instanceof Error ? error.message : String(error));
      else response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function wantsUsage(body: unknown): boolean {
  return z.looseObject({ stream_options: z.looseObject({ include_usage: z.literal(true) }) }).safeParse(body).success;
}

interface Completion {
  id: string;
  model: string;
  created: number;
  usage: Record<string, unknown> | undefined;
  content: string | null;
  toolCalls: { id: string; type: "function"; function: { name: string; arguments: string } }[];
  finishReason: string;
  choices: unknown[];
}

/** The dated snapshot that answers for a model's alias, as OpenAI's API does. */
const SNAPSHOTS: Readonly<Record<string, string>> = {
  "gpt-4o": "gpt-4o-2024-08-06",
  "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
};

function completionOf(model: string, answer: FakeAnswer, number: number): Completion & { object: string } {
  const toolCalls = (answer.toolCalls ?? []).map((call, index) => ({
    id: `call_${number}_${index}`,
    type: "function" as const,
    function: {
      name: call.name,
      arguments: typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments),
    },
  }));
  const content = answer.content ?? null;
  const finishReason = answer.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop");
  const calls = toolCalls.length > 0 ? { tool_calls: toolCalls } : {};
  const choice = {
    index: 0,
    message: { role: "assistant", content, refusal: null, ...calls },
    finish_reason: finishReason,
  };
  return {
    id: `chatcmpl-${number.toString().padStart(8, "0")}`,
    object: "chat.completion",
    created: Math.floor(Date.now() / 1000),
    model: SNAPSHOTS[model] ?? model,
    usage: usageOf(answer.usage),
    content,
    toolCalls,
    finishReason,
    choices: [choice],
  };
}

function usageOf(usage: FakeAnswer["usage"]): Record<string, unknown> | undefined {
  if (usage === undefined) return undefined;
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    prompt_tokens_details: { cached_tokens: usage.cached ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
  };
}

function sendJson(response: ServerResponse, status: number, completion: object): void {
  const { content: _content, toolCalls: _calls, finishReason: _reason, ...body } = completion as Completion;
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function sendError(response: ServerResponse, status: number, message = "the server had an error"): void {
  const type = status === 429 ? "rate_limit_exceeded" : status >= 500 ? "server_error" : "invalid_request_error";
  sendJson(response, status, { error: { message, type, param: null, code: null } });
}

async function sendStream(
  response: ServerResponse,
  completion: Completion,
  answer: FakeAnswer,
  usage: boolean,
): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  const { id, created, model } = completion;
  const base = { id, object: "chat.completion.chunk", created, model };
  let sent = 0;
  for (const choice of deltasOf(completion)) {
    if (sent === answer.breakAfterChunks) return void response.destroy();
    response.write(`data: ${JSON.stringify({ ...base, choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`);
    sent++;
    await sleep(answer.chunkDelayMs ?? 0);
  }
  if (usage && completion.usage)
    response.write(`data: ${JSON.stringify({ ...base, choices: [], usage: completion.usage })}\n\n`);
  response.end("data: [DONE]\n\n");
}

function deltasOf({ content, toolCalls, finishReason }: Completion): object[] {
  const words = content?.match(/\S+\s*/g) ?? [];
  const calls = toolCalls.flatMap((call, index) => {
    const { name, arguments: text } = call.function;
    const half = Math.ceil(text.length / 2);
    const part = (piece: string) => ({ index, function: { arguments: piece } });
    return [
      { index, id: call.id, type: "function", function: { name, arguments: "" } },
      part(text.slice(0, half)),
      part(text.slice(half)),
    ];
  });
  return [
    { delta: { role: "assistant", content: toolCalls.length > 0 ? null : "" } },
    ...words.map((word) => ({ delta: { content: word } })),
    ...calls.map((call) => ({ delta: { tool_calls: [call] } })),
    { delta: {}, finish_reason: finishReason },
  ];
}
