import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type RequestOptions } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentStopped } from "../index.ts";
import { completion } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import { MAX_REQUEST_BYTES } from "./outgoing-body.ts";

// What is on the wire, by a server that looks at bytes and not at requests: one that is cut off is none to an HTTP server.

const ANSWER = JSON.stringify(completion("Hi!"));
let answer: string;
const BODY = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] });
const PIECES = [BODY.slice(0, 9), BODY.slice(9, 20), BODY.slice(20)];
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let recorded: RecordedLedger;
let server: Server;
let wire: { text: string; bytes: number };
beforeEach(async () => {
  recorded = createRecordedLedger();
  wire = { text: "", bytes: 0 };
  answer = ANSWER;
  server = createServer((socket) => {
    let head = "";
    let bodyBytes = -1;
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      wire.bytes += bytes.byteLength;
      if (wire.text.length < 10_000) wire.text += bytes.toString("latin1");
      if (bodyBytes >= 0) bodyBytes += bytes.byteLength;
      else {
        head += bytes.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end >= 0) bodyBytes = head.length - end - 4;
        if (end >= 0 && /expect: 100-continue/i.test(head)) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      }
      if (bodyBytes !== Number(/content-length: (\d+)/i.exec(head)?.[1])) return;
      const answered = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}`;
      socket.end(`${answered}\r\n\r\n${answer}`);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  server.close();
});

function open(headers: RequestOptions["headers"] = {}): ClientRequest {
  const { port } = server.address() as AddressInfo;
  const own = { "content-length": Buffer.byteLength(BODY), ...headers };
  return httpRequest({
    host: "127.0.0.1",
    port,
    path: "/v1/chat/completions",
    method: "POST",
    headers: own,
    agent: false,
  });
}

/** The body in pieces, each with time to leave. */
async function writeSlowly(request: ClientRequest): Promise<void> {
  for (const piece of PIECES) {
    await new Promise((written) => request.write(piece, written));
    await wait(20);
  }
  request.end();
}

async function answerOf(request: ClientRequest): Promise<string> {
  const [response] = await once(request, "response");
  let text = "";
  for await (const piece of response.setEncoding("utf8")) text += piece;
  return text;
}

const WAYS: readonly [string, () => Promise<string>][] = [
  [
    "in pieces",
    async () => {
      const request = open();
      const answered = answerOf(request);
      await Promise.race([writeSlowly(request), answered]);
      return await answered;
    },
  ],
  [
    "in pieces, after its headers were flushed",
    async () => {
      const request = open();
      const answered = answerOf(request);
      request.flushHeaders();
      await Promise.race([writeSlowly(request), answered]);
      return await answered;
    },
  ],
  [
    "once the server has said to continue",
    async () => {
      const request = open({ expect: "100-continue" });
      const answered = answerOf(request);
      await Promise.race([once(request, "continue"), answered]);
      await Promise.race([writeSlowly(request), answered]);
      return await answered;
    },
  ],
];

test.each(WAYS)("past a limit no byte of a body is on the wire that is written %s", async (_how, ask) => {
  await expect(recorded.ledger.wrap(ask, { agent: "a", limits: { steps: 0 } })()).rejects.toBeInstanceOf(AgentStopped);
  await wait(50);
  // The head has left where its owner sent it ahead; what the model was to be told has not.
  expect(wire.text.split("\r\n\r\n")[1] ?? "").toBe("");
  for (const piece of PIECES) expect(wire.text).not.toContain(piece);
  expect(await recorded.steps("llm")).toEqual([]);
});

test("a limit that is reached by what the body tells of is asked before any of it leaves", async () => {
  answer = JSON.stringify(completion(null, [{ id: "call_1", name: "look", arguments: "{}" }]));
  const [, [, ask] = []] = WAYS;
  const told = { role: "tool", tool_call_id: "call_1", content: "seen" };
  const second = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }, told] });
  const agent = recorded.ledger.wrap(
    async () => {
      await ask?.();
      const request = open({ "content-length": Buffer.byteLength(second) });
      const answered = once(request, "response");
      const written = new Promise((done) => request.write(second.slice(0, 30), done)).then(() => wait(20));
      await Promise.race([written, answered]);
      request.end(second.slice(30));
      await answered;
    },
    { agent: "a", limits: { steps: 2 } },
  );
  await expect(agent()).rejects.toBeInstanceOf(AgentStopped);
  await wait(50);
  expect(wire.text).not.toContain("tool_call_id");
  expect(await recorded.steps("tool")).toHaveLength(1);
});

test.each(WAYS)("within the limits it is what it would be without us, and recorded, written %s", async (_how, ask) => {
  expect(await recorded.ledger.wrap(ask, { agent: "a", limits: { steps: 1 } })()).toBe(ANSWER);
  expect(wire.text.split("\r\n\r\n")[1]).toBe(BODY);
  const [call] = await recorded.steps("llm");
  expect(call?.attributes).toMatchObject({ "gen_ai.response.id": "chatcmpl-1", "gen_ai.request.model": "gpt-4o" });
  expect(recorded.warnings).toEqual([]);
});

test("a body over the bound is passed on as it comes, and its writer is held back as by any other", async () => {
  const chunk = Buffer.alloc(1_048_576, "x");
  const chunks = MAX_REQUEST_BYTES / chunk.byteLength + 8;
  let mostWaiting = 0;
  const ask = async () => {
    const request = open({ "content-length": chunk.byteLength * chunks });
    const answered = answerOf(request);
    await pipeline(
      Readable.from(
        (function* () {
          for (let i = 0; i < chunks; i++) {
            mostWaiting = Math.max(mostWaiting, request.writableLength);
            yield chunk;
          }
        })(),
        { highWaterMark: 1 },
      ),
      request,
    );
    return await answered;
  };
  expect(await recorded.ledger.wrap(ask, { agent: "a" })()).toBe(ANSWER);
  expect(wire.bytes).toBeGreaterThan(chunk.byteLength * chunks);
  expect(mostWaiting).toBeLessThan(MAX_REQUEST_BYTES + 4 * chunk.byteLength);
  const [call] = await recorded.steps("llm");
  expect(call?.attributes).not.toHaveProperty("gen_ai.input.messages");
}, 60_000);
