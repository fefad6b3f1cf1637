import { createServer, type IncomingHttpHeaders } from "node:http";

export interface WebhookReceiver {
  url: string;
  requests: { headers: IncomingHttpHeaders; body: string; receivedMs: number; status: number }[];
  close(): Promise<void>;
}

/** A real server that keeps what it gets; it answers with the given statuses first, then with 204. */
export async function startWebhookReceiver(...firstStatuses: number[]): Promise<WebhookReceiver> {
  const requests: WebhookReceiver["requests"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const status = firstStatuses.shift() ?? 204;
      const body = Buffer.concat(chunks).toString("utf8");
      requests.push({ headers: request.headers, body, receivedMs: Date.now(), status });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
