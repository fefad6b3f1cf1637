import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { otlpJson, type Signal } from "./otlp-json.ts";

/** OTLP requests as OTLP/JSON, in the order they came. */
export type Sent = Record<Signal, object[]>;

export interface RecordingProxy {
  url: string;
  sent: Sent;
  /** What was not answered with success. */
  refusals: string[];
  close(): Promise<void>;
}

/** Passes OTLP over HTTP on to `target`, whatever the path before /v1/…, and remembers it. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const sent: Sent = { traces: [], logs: [], metrics: [] };
  const refusals: string[] = [];

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { "content-type": type = "", "content-encoding": encoding = "" } = request.headers;
    const signal = (["traces", "logs", "metrics"] as const).find((name) => request.url?.endsWith(`/v1/${name}`));
    if (signal !== undefined) sent[signal].push(otlpJson(signal, body, type, encoding));
    const answer = await fetch(`${target}${request.url}`, {
      method: request.method ?? "POST",
      headers: { "content-type": type, ...(encoding === "" ? {} : { "content-encoding": encoding }) },
      body,
    });
    const answerBody = Buffer.from(await answer.arrayBuffer());
    if (!answer.ok) refusals.push(`${request.url} answered ${answer.status}: ${answerBody.toString("utf8")}`);
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? type }).end(answerBody);
  }

  const server = createServer((request, response) => {
    pass(request, response).catch((error: unknown) => {
      refusals.push(`${request.url}: ${error instanceof Error ? error.message : String(error)}`);
      response.writeHead(502).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    refusals,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
