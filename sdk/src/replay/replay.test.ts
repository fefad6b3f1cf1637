import { once } from "node:events";
import { createServer, request as httpRequest, type RequestListener, type Server } from "node:http";
import * as http2 from "node:http2";
import { type AddressInfo, connect } from "node:net";
import Anthropic from "@anthropic-ai/sdk";
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import axios from "axios";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { Agent, fetch as undiciFetch, request as undiciRequest } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import { chunk, completion } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import { recordedRunOf } from "../testing/recorded-run.ts";
import { awsMessage } from "../wire/aws-event-stream.ts";

let recorded: RecordedLedger;
let servers: Server[];
/** Requests that reached a server. */
let asked: number;
beforeEach(() => {
  recorded = createRecordedLedger();
  servers = [];
  asked = 0;
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  for (const server of servers) server.close();
});

async function serve(listener: RequestListener, { h2 = false } = {}): Promise<string> {
  const counted: RequestListener = (request, response) => {
    request.resume().on("end", () => {
      asked++;
      listener(request, response);
    });
  };
  const server = h2 ? (http2.createServer(counted as never) as unknown as Server) : createServer(counted);
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const json =
  (value: object): RequestListener =>
  (_request, response) =>
    void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
const events = (...texts: string[]): RequestListener =>
  function answer(_request, response) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const text of texts) response.write(text);
    response.end();
  };
const BODY = { model: "gpt-4o", messages: [{ role: "user" as const, content: "Hello" }] };

/** Runs the agent, and runs it again as a replay with nobody there. */
async function again<T>(work: () => Promise<T>, gone = true) {
  const agent = recorded.ledger.wrap(work, { agent: "a" });
  const given = await agent().catch((error: Error) => error);
  const run = recordedRunOf(await recorded.steps());
  const before = asked;
  if (gone) for (const server of servers) server.close();
  const replay = await recorded.ledger.replay(run, agent);
  return { given, run, replay, askedAgain: asked - before };
}

test.each<[string, RequestListener, (url: string) => Promise<unknown>]>([
  ["axios", json(completion("Hi!")), async (url) => (await axios.post(`${url}/v1/chat/completions`, BODY)).data],
  [
    "axios, a stream event by event",
    events(chunk({ content: "Hi" }), chunk({ content: "!" }), "data: [DONE]\n\n"),
    async (url) => {
      const { data } = await axios.post(
        `${url}/v1/chat/completions`,
        { ...BODY, stream: true },
        { responseType: "stream" },
      );
      const pieces: string[] = [];
      for await (const piece of data) pieces.push(String(piece));
      return pieces.join("");
    },
  ],
  [
    "node:http, written in pieces",
    json(completion("Hi!")),
    async (url) => {
      const text = JSON.stringify(BODY);
      const headers = { "content-length": text.length };
      const request = httpRequest(`${url}/v1/chat/completions`, { method: "POST", headers });
      request.write(text.slice(0, 9));
      request.end(text.slice(9));
      const [response] = await once(request, "response");
      let answer = "";
      for await (const piece of response) answer += piece;
      return [response.statusCode, answer];
    },
  ],
  [
    "undici's request",
    json(completion("Hi!")),
    async (url) => {
      const { statusCode, body } = await undiciRequest(`${url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify(BODY),
      });
      return [statusCode, await body.json()];
    },
  ],
  [
    "Anthropic, streamed",
    events(
      ...[
        {
          type: "message_start",
          message: {
            id: "m",
            type: "message",
            role: "assistant",
            model: "c",
            content: [],
            usage: { input_tokens: 1, output_tokens: 1 },
          },
        },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi!" } },
        { type: "content_block_stop", index: 0 },
        { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } },
        { type: "message_stop" },
      ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
    ),
    async (url) => {
      const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
      const { messages } = BODY;
      return (await client.messages.stream({ model: "c", max_tokens: 9, messages }).finalMessage()).content;
    },
  ],
  [
    "Ollama, streamed",
    (_request, response) => {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      for (const content of ["Hi", "!"]) {
        response.write(
          `${JSON.stringify({ model: "l", message: { role: "assistant", content }, done: content === "!" })}\n`,
        );
      }
      response.end();
    },
    async (url) => {
      const parts: string[] = [];
      for await (const part of await new Ollama({ host: url }).chat({
        model: "l",
        messages: BODY.messages,
        stream: true,
      })) {
        parts.push(part.message.content);
      }
      return parts;
    },
  ],
  [
    "a client given to ledger.model",
    json(completion("Hi!")),
    async (url) => {
      const own = new Agent();
      const fetch = ((input: string, init: object) => undiciFetch(input, { ...init, dispatcher: own })) as never;
      const client = recorded.ledger.model(new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, fetch }));
      return (await client.chat.completions.create(BODY)).choices;
    },
  ],
  [
    "a dispatcher given to ledger.model, streamed",
    events(chunk({ content: "Hi" }), chunk({ content: "!" }), "data: [DONE]\n\n"),
    async (url) => {
      const dispatcher = recorded.ledger.model(new Agent());
      const fetch = ((input: string, init: object) => undiciFetch(input, { ...init, dispatcher })) as never;
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, fetch });
      const pieces: unknown[] = [];
      for await (const { choices } of await client.chat.completions.create({ ...BODY, stream: true }))
        pieces.push(choices);
      return pieces;
    },
  ],
])("%s: the same answer with nobody there", async (_name, listener, ask) => {
  const url = await serve(listener);
  const { given, replay, askedAgain } = await again(() => ask(url));
  expect(given).not.toBeInstanceOf(Error);
  expect(replay).toMatchObject({ verdict: "reproduced", result: given });
  expect(askedAgain).toBe(0);
  // The replay is recorded as the run was.
  await expect.poll(async () => (await recorded.steps("llm")).length, { timeout: 20_000 }).toBe(2);
  const calls = await recorded.steps("llm");
  expect(calls[1]?.attributes["gen_ai.output.messages"]).toBe(calls[0]?.attributes["gen_ai.output.messages"]);
  expect(recorded.warnings).toEqual([]);
});

const modelId = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const bedrock: RequestListener = ({ url = "" }, response) => {
  if (!url.endsWith("/converse-stream")) {
    const message = { role: "assistant", content: [{ text: "It is cold." }] };
    return json({
      output: { message },
      stopReason: "end_turn",
      usage: { inputTokens: 2, outputTokens: 3, totalTokens: 5 },
    })(undefined as never, response);
  }
  response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
  const told: [string, object][] = [
    ["messageStart", { role: "assistant" }],
    ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "It is " } }],
    ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "cøld." } }],
    ["contentBlockStop", { contentBlockIndex: 0 }],
    ["messageStop", { stopReason: "end_turn" }],
  ];
  response.end(
    Buffer.concat(told.map(([type, event]) => awsMessage({ type, kind: "event", payload: JSON.stringify(event) }))),
  );
};

test.each([
  ["HTTP/2, its default", true],
  ["HTTP/1.1", false],
])("Bedrock by AWS's client over %s, plain and streamed: the same answers with nobody there", async (_name, h2) => {
  const endpoint = await serve(bedrock, { h2 });
  const { given, replay, askedAgain } = await again(async () => {
    const client = new BedrockRuntimeClient({
      region: "eu-north-1",
      endpoint,
      maxAttempts: 1,
      credentials: { accessKeyId: "a", secretAccessKey: "b" },
      ...(h2 ? {} : { requestHandler: new NodeHttpHandler() }),
    });
    const messages = [{ role: "user" as const, content: [{ text: "Oslo?" }] }];
    const { output } = await client.send(new ConverseCommand({ modelId, messages }));
    const { stream = [] } = await client.send(new ConverseStreamCommand({ modelId, messages }));
    const pieces: unknown[] = [];
    for await (const event of stream) pieces.push(event);
    client.destroy();
    return [output, pieces];
  });
  expect(given).toMatchObject([{}, { length: 5 }]);
  expect(replay).toMatchObject({ verdict: "reproduced", result: given });
  expect(askedAgain).toBe(0);
});

test("an answer that broke off breaks off again, where it did", async () => {
  for (const ask of [
    (url: string) =>
      axios.post(`${url}/v1/chat/completions`, BODY, { responseType: "stream" }).then(({ data }) => data),
    (url: string) =>
      fetch(`${url}/v1/chat/completions`, { method: "POST", body: JSON.stringify(BODY) }).then(({ body }) => body),
  ]) {
    const url = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk({ content: "Hi" }), () => response.destroy());
    });
    recorded = createRecordedLedger();
    const seen: string[] = [];
    const { given, replay } = await again(async () => {
      for await (const piece of await ask(url)) seen.push(Buffer.from(piece).toString());
    });
    expect(given).toBeInstanceOf(Error);
    expect(seen).toEqual([chunk({ content: "Hi" }), chunk({ content: "Hi" })]);
    expect(replay).toMatchObject({ verdict: "reproduced" });
    expect(replay.error).toBeInstanceOf(Error);
    await recorded.ledger.shutdown();
  }
});

test("an error status, a call without an answer, and the client's next try come as they came", async () => {
  let tries = 0;
  const url = await serve((request, response) => {
    if (++tries === 1) request.socket.destroy();
    else if (tries === 2) response.writeHead(503, { "retry-after-ms": "1" }).end('{"error":{"message":"busy"}}');
    else json(completion("Hi!"))(request, response);
  });
  for (const ask of [
    () => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none" }).chat.completions.create(BODY),
    async () => {
      const once = () => axios.post(`${url}/v1/chat/completions`, BODY).catch(() => undefined);
      return ((await once()) ?? (await once()) ?? (await once()))?.data;
    },
  ]) {
    tries = 0;
    recorded = createRecordedLedger();
    const { given, replay, askedAgain } = await again(ask, false);
    expect(replay).toMatchObject({ verdict: "reproduced", result: given });
    expect(askedAgain).toBe(0);
    expect(tries).toBe(3);
    await recorded.ledger.shutdown();
  }
});

test("a call that differs is refused over node:http as over fetch, and so is all after it, whichever way it goes", async () => {
  const url = await serve(json(completion("Hi!")));
  const ask = (content: string) =>
    axios.post(`${url}/v1/chat/completions`, { ...BODY, messages: [{ role: "user", content }] });
  let words = "Hello";
  const failures: unknown[] = [];
  const { replay, run } = await again(async () => {
    await ask(words).catch((error: Error) => failures.push(error.message));
    await ask("Hello again").catch((error: Error) => failures.push(error.message));
  }, false);
  expect(replay.verdict).toBe("reproduced");
  words = "Good evening";
  const before = asked;
  const agent = recorded.ledger.wrap(() => ask(words).catch(() => ask("Hello again")), { agent: "a" });
  const other = await recorded.ledger.replay(run, agent);
  expect(other.divergence).toMatchObject({ difference: "the messages differ, first message 1 of 1" });
  expect(String(other.error)).toContain("the replay diverged");
  expect(asked).toBe(before);
});

test.each(["axios", "fetch", "HTTP/2"])("live: from the call that differs on all is really made, by %s", async (by) => {
  const h2 = by === "HTTP/2";
  const url = await serve(h2 ? bedrock : json(completion("Hi!")), { h2 });
  const client = new BedrockRuntimeClient({
    region: "eu-north-1",
    endpoint: url,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });
  const ask = async (content: string): Promise<unknown> => {
    const messages = [{ role: "user" as const, content }];
    const body = JSON.stringify({ ...BODY, messages });
    if (h2) {
      const told = [{ role: "user" as const, content: [{ text: content }] }];
      const { stream = [] } = await client.send(new ConverseStreamCommand({ modelId, messages: told }));
      const pieces: unknown[] = [];
      for await (const event of stream) pieces.push(event);
      return pieces;
    }
    if (by === "axios") return (await axios.post(`${url}/v1/chat/completions`, body)).data;
    return await (await fetch(`${url}/v1/chat/completions`, { method: "POST", body })).json();
  };
  let noted = 0;
  const note = recorded.ledger.tool({ name: "note", input: { type: "object" }, run: () => ++noted });
  let second = "two";
  const agent = recorded.ledger.wrap(
    async () => [await ask("one"), await note({ n: 1 }), await ask(second), await note({ n: 2 }), await ask("three")],
    { agent: "a" },
  );
  const given = await agent();
  const run = recordedRunOf(await recorded.steps());
  second = "other";
  const replay = await recorded.ledger.replay(run, agent, { onDivergence: "live" });
  client.destroy();
  expect(replay).toMatchObject({ verdict: "diverged", divergence: { step: run.steps[2]?.name } });
  expect(replay.error).toBeUndefined();
  expect(asked).toBe(3 + 2);
  // The first note is the recorded one; the second was really made.
  expect(replay.result).toEqual([given[0], 1, given[2], 3, given[4]]);
  expect(await recorded.steps("llm")).toHaveLength(6);
});

test("a client whose connection is its own is refused with what to do, and goes live where that is wanted", async () => {
  const url = await serve(json(completion("Hi!")));
  const port = Number(new URL(url).port);
  const ask = async () => {
    const text = JSON.stringify(BODY);
    const request = httpRequest(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-length": text.length },
      createConnection: () => connect(port, "127.0.0.1"),
    });
    request.end(text);
    const [response] = await once(request, "response");
    await once(response.resume(), "end");
    return response.statusCode;
  };
  const { run, replay, askedAgain } = await again(ask, false);
  expect(replay).toMatchObject({ verdict: "diverged", divergence: { seq: 0 } });
  expect(String(replay.error)).toContain("give it an agent of Node.js's, or a transport on fetch");
  expect(askedAgain).toBe(0);
  const live = await recorded.ledger.replay(run, recorded.ledger.wrap(ask, { agent: "a" }), { onDivergence: "live" });
  expect(live).toMatchObject({ verdict: "diverged", result: 200 });
});

test("sub-agents are replayed with their caller, at once too, and a request that is given up is given up again", async () => {
  const url = await serve((_request, response) => {
    setTimeout(() => json(completion("Hi!"))(undefined as never, response), 50);
  });
  const sub = recorded.ledger.wrap(
    async (content: string) =>
      (await axios.post(`${url}/v1/chat/completions`, { ...BODY, messages: [{ role: "user", content }] })).data,
    { agent: "sub" },
  );
  const { given, replay, askedAgain } = await again(async () => {
    const answers = await Promise.all(["a", "b", "c"].map((content) => sub(content)));
    const abort = new AbortController();
    const given = axios.post(`${url}/v1/chat/completions`, BODY, { signal: abort.signal });
    abort.abort();
    return [answers, await given.catch((error: Error) => error.message)];
  });
  expect(given).toMatchObject([{ length: 3 }, "canceled"]);
  expect(replay.result).toEqual(given);
  expect(askedAgain).toBe(0);
  const steps = await recorded.steps("agent");
  expect(steps.filter(({ name }) => name === "sub")).toHaveLength(6);
});

test("a request that is destroyed before it is written whole fails as it did", async () => {
  const url = await serve(json(completion("Hi!")));
  const { given, replay } = await again(async () => {
    const request = httpRequest(`${url}/v1/chat/completions`, { method: "POST", headers: { "content-length": 100 } });
    request.write("{");
    setImmediate(() => request.destroy(new Error("given up")));
    return await new Promise((resolve) => request.once("error", ({ message }) => resolve(message)));
  });
  expect(given).toBe("given up");
  expect(replay).toMatchObject({ verdict: "reproduced", result: "given up" });
});

test("what only looks like a model call goes where it goes, and agents beside a replay are not replayed", async () => {
  const url = await serve(json({ own: true }));
  const own = async () => (await axios.post(`${url}/api/chat`, { text: "no model" })).data;
  const ownByFetch = async () => await (await fetch(`${url}/api/chat`, { method: "POST", body: '{"text":1}' })).json();
  const model = await serve(json(completion("Hi!")));
  const ask = async () => (await axios.post(`${model}/v1/chat/completions`, BODY)).data;
  const { replay, run } = await again(async () => [await own(), await ownByFetch(), await ask()], false);
  expect(replay).toMatchObject({ verdict: "reproduced", result: [{ own: true }, { own: true }, {}] });
  const before = asked;
  const beside = recorded.ledger.wrap(ask, { agent: "beside" });
  await Promise.all([recorded.ledger.replay(run, () => undefined), beside()]);
  expect(asked).toBe(before + 1);
});
