import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, type Product, startProduct, temporaryDir } from "../support/product.ts";
import { attributes, modelCall, newTraceId, postSpans } from "../support/spans.ts";

const SECRET = "a-secret-of-the-test";
const calls: { headers: IncomingHttpHeaders; body: string; atMs: number }[] = [];
const pager = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (text: string) => {
    body += text;
  });
  request.on("end", () => {
    calls.push({ headers: request.headers, body, atMs: Date.now() });
    response.end();
  });
});

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;

beforeAll(async () => {
  pager.listen(0, "127.0.0.1");
  await once(pager, "listening");
  home = await temporaryDir("alert");
  product = await startProduct(home.dir, {
    RUNLEDGER_ALERT_WEBHOOK_URL: `http://127.0.0.1:${(pager.address() as AddressInfo).port}/page`,
    RUNLEDGER_ALERT_WEBHOOK_SECRET: SECRET,
  });
});

afterAll(async () => {
  await product.stop();
  pager.close();
  await home.remove();
});

it("pages once for a looping agent, signed, naming the run and what it burns", async () => {
  const runId = newTraceId();
  const tool = () =>
    modelCall(
      runId,
      {},
      {
        name: "execute_tool search",
        attributes: attributes({
          "gen_ai.operation.name": "execute_tool",
          "gen_ai.tool.name": "search",
          "gen_ai.tool.call.arguments": '{"q":"x"}',
        }),
      },
    );
  await postSpans(product.httpUrl, [modelCall(runId), tool()]);
  await postSpans(product.httpUrl, [modelCall(runId), tool()]);
  await postSpans(product.httpUrl, [modelCall(runId), tool()]);
  const completedAtMs = Date.now();
  await eventually(
    async () => calls,
    (received) => received.length > 0,
    15_000,
  );
  await postSpans(product.httpUrl, [tool()]);
  await new Promise((resolve) => setTimeout(resolve, 2_500));

  expect(calls).toHaveLength(1);
  const { headers, body, atMs } = calls[0] ?? { headers: {}, body: "", atMs: 0 };
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", SECRET).update(signed).digest("base64")}`);
  expect(body).toContain(runId);
  expect(body).toContain("loop.repeat");
  process.stderr.write(`from the last acknowledged step to the page: ${atMs - completedAtMs} ms\n`);
});
