import { once } from "node:events";
import { createServer, request as httpRequest, type RequestListener } from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { EventStreamCodec } from "@smithy/core/event-streams";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import axios from "axios";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentStopped } from "../index.ts";
import { completion } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

let recorded: RecordedLedger;
let server: Server | undefined;
beforeEach(() => {
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  server?.close();
  server = undefined;
});

type Answer = (request: { path: string; body: string }, response: Parameters<RequestListener>[1]) => void;

/** @returns its address. @param h2 HTTP/2 without TLS, as it is known beforehand. */
async function serve(answer: Answer, { h2 = false } = {}): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = [];
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text) => {
      body += text;
    });
    request.on("end", () => {
      bodies.push(body);
      answer({ path: request.url ?? "", body }, response);
    });
  };
  server = h2 ? (http2.createServer(listener as never) as unknown as Server) : createServer(listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}
const json: Answer = (_request, response) =>
  response
    .writeHead(200, { "content-type": "application/json", "x-request-id": "req_7" })
    .end(JSON.stringify(completion("Hi!")));
const BODY = { model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] };
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a call by axios is a model call with its answer, and the server gets the same request", async () => {
  const { url, bodies } = await serve(json);
  const ask = async () => (await axios.post(`${url}/v1/chat/completions`, BODY)).data;
  const plain = await ask();
  expect(await recorded.ledger.wrap(ask, { agent: "a" })()).toEqual(plain);
  expect(bodies[1]).toBe(bodies[0]);
  const calls = await recorded.steps("llm");
  expect(calls).toHaveLength(1);
  expect(calls[0]?.attributes).toMatchObject({
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 100,
    "http.response.status_code": 200,
    "http.response.header.x-request-id": ["req_7"],
  });
});

test("outside a wrapped agent nothing is recorded", async () => {
  const { url } = await serve(json);
  await axios.post(`${url}/v1/chat/completions`, BODY);
  expect(await recorded.records()).toEqual([]);
});

test.each([
  ["in one piece", [JSON.stringify(BODY)]],
  ["in several", [JSON.stringify(BODY).slice(0, 9), JSON.stringify(BODY).slice(9)]],
])("past a limit a call is refused before the server has any of it, written %s", async (_how, pieces) => {
  const { url, bodies } = await serve(json);
  const agent = recorded.ledger.wrap(
    async () => {
      for (let i = 0; i < 3; i++) {
        const length = Buffer.byteLength(pieces.join(""));
        const options = { method: "POST", headers: { "content-length": length } };
        const request = httpRequest(`${url}/v1/chat/completions`, options);
        for (const piece of pieces) request.write(piece);
        request.end();
        const [response] = await once(request, "response");
        await once(response.resume(), "end");
      }
    },
    { agent: "a", limits: { steps: 1 } },
  );
  await expect(agent()).rejects.toBeInstanceOf(AgentStopped);
  await wait(50);
  expect(bodies).toEqual([JSON.stringify(BODY)]);
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("stopped");
});

test("axios's error for a refused call names the limit as its cause, and the agent's caller gets that", async () => {
  const { url, bodies } = await serve(json);
  let seen: unknown;
  const agent = recorded.ledger.wrap(
    () =>
      axios.post(`${url}/v1/chat/completions`, BODY).catch((error: unknown) => {
        seen = error;
        throw error;
      }),
    { agent: "a", limits: { steps: 0 } },
  );
  await expect(agent()).rejects.toBeInstanceOf(AgentStopped);
  expect(seen).toBeInstanceOf(Error);
  expect(bodies).toEqual([]);
});

test("the wall clock aborts a running call", async () => {
  const { url } = await serve(() => undefined);
  const agent = recorded.ledger.wrap(() => axios.post(`${url}/v1/chat/completions`, BODY), {
    agent: "a",
    limits: { wallMs: 100 },
  });
  await expect(agent()).rejects.toBeInstanceOf(AgentStopped);
  expect((await recorded.steps("llm"))[0]?.status.code).toBe(2);
});

test("each piece of a streamed answer reaches the caller before the next one is sent", async () => {
  let next = () => {};
  const { url } = await serve((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const pieces = ["Hel", "lo"];
    next = () => {
      const piece = pieces.shift();
      if (piece === undefined) return void response.end("data: [DONE]\n\n");
      response.write(`data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta: { content: piece } }] })}\n\n`);
    };
    next();
  });
  const agent = recorded.ledger.wrap(
    async () => {
      const { data } = await axios.post(
        `${url}/v1/chat/completions`,
        { ...BODY, stream: true },
        { responseType: "stream" },
      );
      let text = "";
      for await (const piece of data) {
        text += piece;
        next();
      }
      return text;
    },
    { agent: "a" },
  );
  expect(await agent()).toContain("[DONE]");
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["gen_ai.output.messages"]).toContain("Hello");
  expect(call?.attributes["gen_ai.response.time_to_first_chunk"]).toBeGreaterThan(0);
  // It did not ask for its usage: none is known.
  expect(call?.attributes).not.toHaveProperty("gen_ai.usage.input_tokens");
});

test("a connection that breaks, and an answer that is given up, are failed calls", async () => {
  const { url } = await serve((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: {}\n\n", () => response.destroy());
  });
  const agent = recorded.ledger.wrap(() => axios.post(`${url}/v1/chat/completions`, BODY).catch(() => undefined), {
    agent: "a",
  });
  await agent();
  const [call] = await recorded.steps("llm");
  expect(call?.status.code).toBe(2);
});

test("a body that is streamed without a length goes out as it comes, recorded without its content", async () => {
  const { url, bodies } = await serve(json);
  await recorded.ledger.wrap(
    async () => {
      const request = httpRequest(`${url}/v1/chat/completions`, { method: "POST" });
      request.write(JSON.stringify(BODY).slice(0, 9));
      await wait(20);
      request.end(JSON.stringify(BODY).slice(9));
      const [response] = await once(request, "response");
      await once(response.resume(), "end");
    },
    { agent: "a" },
  )();
  expect(bodies).toEqual([JSON.stringify(BODY)]);
  const [call] = await recorded.steps("llm");
  expect(call?.attributes).toMatchObject({ "gen_ai.response.id": "chatcmpl-1" });
  expect(call?.attributes).not.toHaveProperty("gen_ai.input.messages");
});

// Bedrock, by AWS's own client: over HTTP/2, which is its default, and over HTTP/1.1.

const utf8 = {
  to: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
  from: (text: string) => new TextEncoder().encode(text),
};
function frames(...events: [string, object][]): Buffer {
  const codec = new EventStreamCodec(utf8.to, utf8.from);
  const text = (value: string) => ({ type: "string" as const, value });
  return Buffer.concat(
    events.map(([type, payload]) =>
      codec.encode({
        headers: {
          ":message-type": text("event"),
          ":event-type": text(type),
          ":content-type": text("application/json"),
        },
        body: utf8.from(JSON.stringify(payload)),
      }),
    ),
  );
}
const WEATHER = { toolUseId: "t1", name: "weather", input: { city: "Oslo" } };
const bedrock: Answer = ({ path, body }, response) => {
  if (path.endsWith("/converse-stream")) {
    response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "aws-2" });
    const bytes = frames(
      ["messageStart", { role: "assistant" }],
      ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "It is " } }],
      ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "cold." } }],
      ["contentBlockStop", { contentBlockIndex: 0 }],
      ["messageStop", { stopReason: "end_turn" }],
      [
        "metadata",
        {
          usage: { inputTokens: 30, outputTokens: 5, totalTokens: 45, cacheReadInputTokens: 10 },
          metrics: { latencyMs: 3 },
        },
      ],
    );
    response.write(bytes.subarray(0, 40));
    response.end(bytes.subarray(40));
    return;
  }
  expect(JSON.parse(body).toolConfig.tools).toHaveLength(1);
  response.writeHead(200, { "content-type": "application/json", "x-amzn-requestid": "aws-1" }).end(
    JSON.stringify({
      output: { message: { role: "assistant", content: [{ text: "Let me look." }, { toolUse: WEATHER }] } },
      stopReason: "tool_use",
      usage: { inputTokens: 20, outputTokens: 8, totalTokens: 28 },
      metrics: { latencyMs: 1 },
    }),
  );
};

test.each([
  ["HTTP/2", true],
  ["HTTP/1.1", false],
])("Bedrock's Converse by AWS's client over %s, plain and streamed, with the tool between", async (_name, h2) => {
  const { url } = await serve(bedrock, { h2 });
  const client = new BedrockRuntimeClient({
    region: "eu-north-1",
    endpoint: url,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    ...(h2 ? {} : { requestHandler: new NodeHttpHandler() }),
  });
  const modelId = "anthropic.claude-sonnet-4-5-20250929-v1:0";
  const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const toolConfig = { tools: [{ toolSpec: { name: "weather", inputSchema: { json: schema } } }] };
  const agent = recorded.ledger.wrap(
    async () => {
      const messages = [{ role: "user" as const, content: [{ text: "Oslo?" }] }];
      const system = [{ text: "Be brief." }];
      const first = await client.send(new ConverseCommand({ modelId, system, messages, toolConfig }));
      const asked = first.output?.message;
      const result = { toolUseId: "t1", content: [{ json: { celsius: -3 } }] };
      const second = await client.send(
        new ConverseStreamCommand({
          modelId,
          messages: [...messages, ...(asked ? [asked] : []), { role: "user", content: [{ toolResult: result }] }],
          inferenceConfig: { maxTokens: 100 },
        }),
      );
      let text = "";
      for await (const event of second.stream ?? []) text += event.contentBlockDelta?.delta?.text ?? "";
      return text;
    },
    { agent: "weatherman" },
  );
  expect(await agent()).toBe("It is cold.");
  client.destroy();
  const [first, second] = await recorded.steps("llm");
  expect(first?.attributes).toMatchObject({
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.request.model": modelId,
    "gen_ai.response.finish_reasons": ["tool_use"],
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 8,
    "http.response.header.x-request-id": ["aws-1"],
  });
  expect(JSON.parse(String(first?.attributes["gen_ai.tool.definitions"]))).toMatchObject([
    { name: "weather", parameters: schema },
  ]);
  expect(second?.attributes).toMatchObject({
    "gen_ai.request.stream": true,
    "gen_ai.request.max_tokens": 100,
    "gen_ai.response.finish_reasons": ["end_turn"],
    "gen_ai.usage.input_tokens": 40,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.usage.cache_read.input_tokens": 10,
  });
  expect(JSON.parse(String(second?.attributes["gen_ai.output.messages"]))).toEqual([
    { role: "assistant", parts: [{ type: "text", content: "It is cold." }], finish_reason: "end_turn" },
  ]);
  const [tool] = await recorded.steps("tool");
  expect(tool?.attributes).toMatchObject({
    "gen_ai.tool.name": "weather",
    "gen_ai.tool.call.arguments": '{"city":"Oslo"}',
    "gen_ai.tool.call.result": '[{"json":{"celsius":-3}}]',
    "runledger.tool.valid": true,
  });
  expect(recorded.warnings).toEqual([]);
});
