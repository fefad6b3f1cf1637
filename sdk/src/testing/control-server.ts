import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ApprovalDecision, Kill, KillScope } from "@runledger/contract";
import { sendJson } from "./model-server.ts";

export interface ControlServer {
  url: string;
  port: number;
  /** Path and query of each request, with the body of a POST. */
  requests: { path: string; body: string; headers: NodeJS.Dict<string | string[]> }[];
  kill(scope: KillScope, reason?: string): void;
  lift(): void;
  decide(decision: ApprovalDecision): void;
  /** Answers everything so from now on; undefined: as it should. */
  answerWith: ((response: ServerResponse) => void) | undefined;
  /** Questions that are open. */
  waiting(): number;
  close(): Promise<void>;
}

/** The long poll of a query API on loopback, as small as it can be; the real one is in the end-to-end tests. */
export async function startControlServer(port = 0): Promise<ControlServer> {
  let version = 0;
  let kills: Kill[] = [];
  let approvals: ApprovalDecision[] = [];
  const waiting = new Set<ServerResponse>();
  const requests: ControlServer["requests"] = [];

  function answer(response: ServerResponse): void {
    sendJson(response, { cursor: String(version), kills, approvals });
  }
  function changed(): void {
    version++;
    for (const response of waiting) answer(response);
    waiting.clear();
  }
  const http = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      requests.push({ path: request.url ?? "", body, headers: request.headers });
      if (server.answerWith !== undefined) return server.answerWith(response);
      if (request.method === "POST")
        return sendJson(response, { ...JSON.parse(body), status: "pending", by: null, reason: null }, 201);
      const { searchParams } = new URL(request.url ?? "", "http://x");
      if (searchParams.get("cursor") !== String(version)) return answer(response);
      waiting.add(response);
      response.on("close", () => waiting.delete(response));
    });
  });
  await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  const bound = (http.address() as AddressInfo).port;
  const server: ControlServer = {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    requests,
    kill(scope, reason = "it loops") {
      const time = "2026-01-01T00:00:00.000000000Z";
      kills = [...kills, { kill_id: `k${version}`, scope, reason, by: "alice", time }];
      changed();
    },
    lift() {
      kills = [];
      changed();
    },
    decide(decision) {
      approvals = [...approvals, decision];
      changed();
    },
    answerWith: undefined,
    waiting: () => waiting.size,
    async close() {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  };
  return server;
}
