import * as zlib from "node:zlib";
import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { chunk, completion, type ModelServer, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

let recorded: RecordedLedger;
let server: ModelServer | undefined;
beforeEach(() => {
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  await server?.close();
  server = undefined;
});

const messages = [{ role: "user" as const, content: "Hello" }];
const client = () => new OpenAI({ apiKey: "key", baseURL: server?.baseUrl ?? "", maxRetries: 0 });
const PACKERS: Record<string, ((bytes: Buffer) => Buffer)[]> = {
  gzip: [zlib.gzipSync],
  "x-gzip": [zlib.gzipSync],
  deflate: [zlib.deflateSync],
  br: [zlib.brotliCompressSync],
  zstd: [zlib.zstdCompressSync],
  "gzip, br": [zlib.gzipSync, zlib.brotliCompressSync],
};

/** Without the header that the coding's name stands for; some servers send it so. */
const rawDeflate: [string, (typeof PACKERS)[string]] = ["deflate", [zlib.deflateRawSync]];

for (const [coding, packers] of [...Object.entries(PACKERS), rawDeflate]) {
  test(`an answer packed with ${coding} (${packers[0]?.name}) is recorded as the text it is`, async () => {
    const text = JSON.stringify(completion("Grüße"));
    server = await startModelServer((response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": coding });
      response.end(packers.reduce<Buffer>((bytes, pack) => pack(bytes), Buffer.from(text)));
    });
    const agent = recorded.ledger.wrap(() => client().chat.completions.create({ model: "gpt-4o", messages }), {
      agent: "a",
    });
    expect((await agent()).choices[0]?.message.content).toBe("Grüße");
    const [call] = await recorded.steps("llm");
    expect(call?.attributes["runledger.response.body"]).toBe(text);
    expect(call?.attributes["gen_ai.usage.input_tokens"]).toBe(100);
    expect(recorded.warnings).toEqual([]);
  });
}

test("a packed stream reaches the caller as it comes, and is recorded as far as it got when it breaks off", async () => {
  const firstSeen = Promise.withResolvers<void>();
  server = await startModelServer(async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
    const gzip = zlib.createGzip();
    gzip.pipe(response);
    gzip.write(chunk({ content: "one " }));
    gzip.flush();
    // Only once the caller has seen the first event: a buffer anywhere would hang here.
    await firstSeen.promise;
    gzip.write(chunk({ content: "two" }));
    gzip.flush(() => setTimeout(() => response.destroy(), 50));
  });
  const agent = recorded.ledger.wrap(
    async () => {
      for await (const _ of await client().chat.completions.create({ model: "gpt-4o", messages, stream: true })) {
        firstSeen.resolve();
      }
    },
    { agent: "a" },
  );
  await expect(agent()).rejects.toThrow("terminated");
  const [call] = await recorded.steps("llm");
  expect(JSON.parse(String(call?.attributes["gen_ai.output.messages"]))[0].parts).toEqual([
    { type: "text", content: "one two" },
  ]);
  expect(call?.attributes["error.type"]).toBe("UND_ERR_SOCKET");
});

test("an answer in a coding we can't unpack reaches the caller, and is a call without its content", async () => {
  server = await startModelServer((response) => {
    response.writeHead(200, { "content-encoding": "pigeon" }).end("coo");
  });
  const url = `${server.baseUrl}/chat/completions`;
  const ask = async () => await (await fetch(url, { method: "POST", body: JSON.stringify({ messages }) })).text();
  expect(await recorded.ledger.wrap(ask, { agent: "a" })()).toBe("coo");
  const [call] = await recorded.steps("llm");
  expect(call?.attributes).not.toHaveProperty("runledger.response.body");
  expect(call?.attributes["http.response.status_code"]).toBe(200);
  expect(recorded.ledger.stats().failures.capture).toBe(1);
});

test("an answer too long to keep reaches the caller whole, and is a call without its content", async () => {
  const block = Buffer.alloc(1_048_576, "x");
  server = await startModelServer((response) => {
    for (let i = 0; i < 33; i++) response.write(block);
    response.end();
  });
  const url = `${server.baseUrl}/chat/completions`;
  const ask = async () =>
    await (await fetch(url, { method: "POST", body: JSON.stringify({ messages }) })).arrayBuffer();
  expect((await recorded.ledger.wrap(ask, { agent: "a" })()).byteLength).toBe(33 * 1_048_576);
  expect((await recorded.steps("llm"))[0]?.attributes).not.toHaveProperty("runledger.response.body");
  expect(recorded.warnings[0]).toContain("not kept");
});
