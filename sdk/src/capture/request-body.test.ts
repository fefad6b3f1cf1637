import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sendJson } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

let recorded: RecordedLedger;
let server: Server;
let base = "";
let answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
beforeEach(async () => {
  recorded = createRecordedLedger();
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
/** Answers with what came in, headers and bytes. */
async function mirror(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bytesOf(request);
  sendJson(response, { method: request.method, headers: request.headers, sha256: sha256(body), bytes: body.length });
}
const wrapped = <T>(work: () => Promise<T>) => recorded.ledger.wrap(work, { agent: "a" })();

/** Bodies that `fetch` takes, each made anew: a stream can be sent once. */
const bytes = randomBytes(300_000);
const form = () => {
  const data = new FormData();
  data.set("file", new Blob([bytes]), "file.bin");
  return data;
};
const bodies: Record<string, () => RequestInit> = {
  text: () => ({ body: "Grüße" }),
  bytes: () => ({ body: bytes }),
  "an ArrayBuffer": () => ({ body: new Uint8Array(bytes).buffer }),
  "a Blob": () => ({ body: new Blob([bytes]) }),
  "form fields": () => ({ body: new URLSearchParams({ a: "1" }) }),
  "a stream": () => ({ body: new Blob([bytes]).stream(), duplex: "half" }),
  nothing: () => ({}),
};
for (const path of ["/v1/chat/completions", "/other"]) {
  test(`whatever is posted to ${path} goes over the wire as without us`, async () => {
    answer = mirror;
    for (const [name, init] of Object.entries(bodies)) {
      const send = async () => await (await fetch(base + path, { method: "POST", ...init() })).json();
      expect(await wrapped(send), name).toEqual(await send());
    }
    const request = async () =>
      await (await fetch(new Request(base + path, { method: "POST", body: bytes, headers: { a: "b" } }))).json();
    expect(await wrapped(request)).toEqual(await request());
    expect(await recorded.steps("llm")).toHaveLength(path === "/other" ? 0 : Object.keys(bodies).length + 1);
  });
}

test("a form is sent whole", async () => {
  answer = async (request, response) => {
    const body = await bytesOf(request);
    sendJson(response, { whole: body.includes(bytes), type: request.headers["content-type"] });
  };
  for (const path of ["/v1/chat/completions", "/other"]) {
    const sent = await wrapped(async () => await (await fetch(base + path, { method: "POST", body: form() })).json());
    expect(sent).toEqual({ whole: true, type: expect.stringContaining("multipart/form-data; boundary=") });
  }
});

test("a streamed request reaches the server part by part, while its end is still to come", async () => {
  const firstArrived = Promise.withResolvers<void>();
  answer = async (request, response) => {
    request.once("data", () => firstArrived.resolve());
    sendJson(response, { length: (await bytesOf(request)).length });
  };
  const parts = async function* () {
    yield Buffer.from("first");
    await firstArrived.promise;
    yield Buffer.from("second");
  };
  const post = (path: string) => async () => {
    const init: RequestInit = { method: "POST", body: ReadableStream.from(parts()), duplex: "half" };
    return await (await fetch(base + path, init)).json();
  };
  for (const path of ["/v1/chat/completions", "/other"]) expect(await wrapped(post(path))).toEqual({ length: 11 });
});

test("redirects are followed as without us, and each hop that is a model call is one", async () => {
  answer = async (request, response) => {
    if (request.url === "/v1/chat/completions") response.writeHead(307, { location: "/v2/chat/completions" }).end();
    else if (request.url === "/form") response.writeHead(303, { location: "/page" }).end();
    else if (request.method === "POST") await mirror(request, response);
    else sendJson(response, { page: request.url });
  };
  const post = (path: string) => async () => {
    const response = await fetch(base + path, { method: "POST", body: '{"messages":[]}' });
    return { url: response.url, redirected: response.redirected, body: await response.json() };
  };
  for (const path of ["/v1/chat/completions", "/form"]) expect(await wrapped(post(path))).toEqual(await post(path)());
  const hops = await recorded.steps("llm");
  expect(hops.map((hop) => hop.attributes["http.response.status_code"])).toEqual([307, 200]);
});

test("a big download comes byte for byte and is not kept", async () => {
  const blocks = 200;
  const block = randomBytes(1_048_576);
  answer = async (_request, response) => {
    response.writeHead(200);
    for (let i = 0; i < blocks; i++) {
      if (!response.write(block)) await new Promise((resolve) => response.once("drain", resolve));
    }
    response.end();
  };
  const keptMb = await wrapped(async () => {
    const twice = Buffer.concat([block, block]);
    const response = await fetch(`${base}/download`, { method: "POST" });
    let received = 0;
    for await (const part of response.body ?? []) {
      const from = received % block.length;
      if (!twice.subarray(from, from + part.length).equals(part)) throw new Error(`other bytes at ${received}`);
      received += part.length;
    }
    expect(received).toBe(blocks * block.length);
    collectGarbage();
    return process.memoryUsage().arrayBuffers / 1_048_576;
  });
  expect(keptMb).toBeLessThan(100);
});
