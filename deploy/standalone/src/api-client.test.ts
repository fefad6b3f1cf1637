import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { z } from "zod";
import { apiAccess, askApi, sendApi } from "./api-client.ts";

test("RUNLEDGER_REASON goes with reads, as UTF-8, and with no act", async () => {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    response.end("{}");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const api = apiAccess(`http://127.0.0.1:${port}`, { RUNLEDGER_REASON: "Prüfung 検査" });
  await askApi(api, "/v1/runs", z.object({}));
  await sendApi(api, "DELETE", "/v1/kill/k", undefined, z.object({}));
  server.closeAllConnections();
  server.close();
  const reasons = asked.map(({ headers }) => headers["runledger-reason"]);
  expect(reasons).toEqual([Buffer.from("Prüfung 検査").toString("latin1"), undefined]);
});
