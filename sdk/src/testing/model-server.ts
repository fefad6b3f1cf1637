import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ModelServer {
  baseUrl: string;
  /** The bodies as they came over the wire. */
  bodies: string[];
  close(): Promise<void>;
}

/** A real HTTP server on loopback that answers as the test says. `request` counts from 0. */
export async function startModelServer(
  answer: (response: ServerResponse, request: number, body: string) => void | Promise<void>,
): Promise<ModelServer> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => answer(response, bodies.push(body) - 1, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    bodies,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

export function sendJson(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** A chat completion that says `content`, or asks for tools. */
export function completion(content: string | null, calls: { id: string; name: string; arguments: string }[] = []) {
  const tool_calls = calls.map(({ id, ...call }) => ({ id, type: "function", function: call }));
  const message = { role: "assistant", content, ...(calls.length > 0 ? { tool_calls } : {}) };
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "gpt-4o-2024-08-06",
    choices: [{ index: 0, message, finish_reason: calls.length > 0 ? "tool_calls" : "stop" }],
    usage: {
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_tokens_details: { cached_tokens: 64 },
    },
  };
}

export function chunk(delta: object, more: object = {}): string {
  const body = { id: "chatcmpl-2", object: "chat.completion.chunk", created: 1, model: "gpt-4o-2024-08-06" };
  return `data: ${JSON.stringify({ ...body, choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`;
}
