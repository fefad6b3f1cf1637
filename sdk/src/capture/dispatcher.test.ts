import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { chunk, completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
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

function client(): OpenAI {
  return new OpenAI({ apiKey: "key", baseURL: server?.baseUrl ?? "", maxRetries: 2 });
}
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const messages: OpenAI.Chat.Completions.ChatCompletionMessageParam[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Hello" },
];

test("a model call is recorded with what went in, what came out and what it used", async () => {
  server = await startModelServer((response) =>
    sendJson(response, completion("Hi!"), 200, { "x-request-id": "req_1" }),
  );
  const agent = recorded.ledger.wrap(
    () =>
      client().chat.completions.create({
        model: "gpt-4o",
        messages,
        temperature: 0.5,
        response_format: { type: "text" },
      }),
    { agent: "greeter" },
  );
  await agent();
  const [call] = await recorded.steps("llm");
  expect(call?.name).toBe("chat gpt-4o");
  expect(call?.attributes).toMatchObject({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "server.address": "127.0.0.1",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.stream": false,
    "gen_ai.request.temperature": 0.5,
    "openai.request.response_format": '{"type":"text"}',
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 64,
    "gen_ai.agent.name": "greeter",
    "http.response.status_code": 200,
    "http.response.header.x-request-id": ["req_1"],
    "runledger.response.body": JSON.stringify(completion("Hi!")),
  });
  expect(JSON.parse(String(call?.attributes["gen_ai.system_instructions"]))).toEqual([
    { type: "text", content: "Be brief." },
  ]);
  expect(JSON.parse(String(call?.attributes["gen_ai.input.messages"]))).toEqual([
    { role: "user", parts: [{ type: "text", content: "Hello" }] },
  ]);
  expect(JSON.parse(String(call?.attributes["gen_ai.output.messages"]))).toEqual([
    { role: "assistant", parts: [{ type: "text", content: "Hi!" }], finish_reason: "stop" },
  ]);
  expect(call?.attributes).not.toHaveProperty("gen_ai.usage.reasoning.output_tokens");
});

test("the request on the wire is the same with and without the wrapper, and so is the result", async () => {
  server = await startModelServer((response) => sendJson(response, completion("Hi!")));
  const ask = () => client().chat.completions.create({ model: "gpt-4o", messages });
  const plain = await ask();
  const wrapped = await recorded.ledger.wrap(async () => await ask(), { agent: "a" })();
  expect(wrapped).toEqual(plain);
  expect(server.bodies[1]).toBe(server.bodies[0]);
});

test("a stream reaches the caller chunk by chunk as the server sends it", async () => {
  const gates: (() => void)[] = [];
  server = await startModelServer(async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const word of ["one ", "two ", "three"]) {
      response.write(chunk({ content: word }));
      await new Promise<void>((resolve) => gates.push(resolve));
    }
    response.write(chunk({}, { finish_reason: "stop" }));
    response.end("data: [DONE]\n\n");
  });
  const seen: string[] = [];
  const agent = recorded.ledger.wrap(
    async () => {
      const stream = await client().chat.completions.create({ model: "gpt-4o", messages, stream: true });
      // The server sends the next chunk only once this one was seen: a buffer anywhere would hang here.
      for await (const part of stream) {
        const content = part.choices[0]?.delta.content;
        if (content) seen.push(content);
        gates.shift()?.();
      }
    },
    { agent: "a" },
  );
  await agent();
  expect(seen).toEqual(["one ", "two ", "three"]);
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["gen_ai.request.stream"]).toBe(true);
  expect(call?.attributes["gen_ai.response.time_to_first_chunk"]).toBeGreaterThan(0);
  expect(JSON.parse(String(call?.attributes["gen_ai.output.messages"]))[0].parts).toEqual([
    { type: "text", content: "one two three" },
  ]);
  expect(String(call?.attributes["runledger.response.body"])).toMatch(/^data: .*\[DONE\]\n\n$/s);
});

test("a stream without usage has no token counts, not zeros", async () => {
  server = await startModelServer((response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(`${chunk({ content: "x" })}data: [DONE]\n\n`);
  });
  const agent = recorded.ledger.wrap(
    async () => {
      for await (const _ of await client().chat.completions.create({ model: "gpt-4o", messages, stream: true }));
    },
    { agent: "a" },
  );
  await agent();
  const [call] = await recorded.steps("llm");
  expect(Object.keys(call?.attributes ?? {}).filter((key) => key.startsWith("gen_ai.usage"))).toEqual([]);
});

test("each try of the client's retries is a step with its number and its status", async () => {
  server = await startModelServer((response, request) => {
    const headers = { "retry-after-ms": "1" };
    if (request === 0)
      return sendJson(response, { error: { message: "slow down", type: "rate_limit_exceeded" } }, 429, headers);
    if (request === 1) return sendJson(response, { error: { message: "oops", type: "server_error" } }, 500, headers);
    sendJson(response, completion("Hi!"));
  });
  await recorded.ledger.wrap(async () => await client().chat.completions.create({ model: "gpt-4o", messages }), {
    agent: "a",
  })();
  const calls = await recorded.steps("llm");
  expect(calls.map((call) => call.attributes["error.type"])).toEqual(["429", "500", undefined]);
  expect(calls.map((call) => call.attributes["http.request.resend_count"])).toEqual([undefined, 1, 2]);
});

test("a refused connection passes to the caller and is recorded with its reason", async () => {
  server = await startModelServer(() => {});
  const url = `${server.baseUrl}/chat/completions`;
  await server.close();
  const ask = () => fetch(url, { method: "POST", body: JSON.stringify({ model: "m", messages }) });
  const plain = await ask().catch((error: unknown) => error);
  const wrapped = await recorded.ledger
    .wrap(ask, { agent: "a" })()
    .catch((error: unknown) => error);
  expect(wrapped).toBeInstanceOf(TypeError);
  expect(String(wrapped)).toBe(String(plain));
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["error.type"]).toBe("ECONNREFUSED");
  expect(call?.attributes).not.toHaveProperty("http.response.status_code");
});

test("a stream given up by the agent ends the request and is recorded as far as it got", async () => {
  let closed: (() => void) | undefined;
  const disconnected = new Promise<void>((resolve) => {
    closed = resolve;
  });
  server = await startModelServer((response) => {
    response.on("close", () => closed?.());
    response.writeHead(200, { "content-type": "text/event-stream" }).write(chunk({ content: "first" }));
  });
  const agent = recorded.ledger.wrap(
    async () => {
      for await (const _ of await client().chat.completions.create({ model: "gpt-4o", messages, stream: true })) break;
    },
    { agent: "a" },
  );
  await agent();
  await disconnected;
  await wait(200);
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["error.type"]).toBeDefined();
  expect(JSON.parse(String(call?.attributes["gen_ai.output.messages"]))[0].parts).toEqual([
    { type: "text", content: "first" },
  ]);
});

test("a reader that cancels the body ends the request at the server", async () => {
  const closed = Promise.withResolvers<void>();
  server = await startModelServer((response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200, { "content-type": "text/event-stream" }).write(chunk({ content: "first" }));
  });
  const url = `${server.baseUrl}/chat/completions`;
  const agent = recorded.ledger.wrap(
    async () => {
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify({ model: "m", messages, stream: true }),
      });
      const reader = response.body?.getReader();
      await reader?.read();
      await reader?.cancel();
    },
    { agent: "a" },
  );
  await agent();
  await closed.promise;
  expect((await recorded.steps("llm"))[0]?.attributes["error.type"]).toBe("AbortError");
});

test("tool calls are inferred from what the model asked for and what came back", async () => {
  const asks = [
    { id: "call_a", name: "weather", arguments: '{"city":"Oslo"}' },
    { id: "call_b", name: "weather", arguments: '{"city":7}' },
    { id: "call_c", name: "teleport", arguments: "{}" },
    { id: "call_d", name: "weather", arguments: '{"city":' },
  ];
  server = await startModelServer((response, request) =>
    sendJson(response, completion(request === 0 ? null : "done", request === 0 ? asks : [])),
  );
  const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const tools: OpenAI.Chat.Completions.ChatCompletionTool[] = [
    { type: "function", function: { name: "weather", parameters } },
  ];
  const agent = recorded.ledger.wrap(
    async () => {
      const first = await client().chat.completions.create({ model: "gpt-4o", messages, tools });
      const message = first.choices[0]?.message;
      if (message === undefined) throw new Error("no message");
      const results = ["call_a", "call_b", "call_c"].map((id) => ({
        role: "tool" as const,
        tool_call_id: id,
        content: `result of ${id}`,
      }));
      await client().chat.completions.create({ model: "gpt-4o", messages: [...messages, message, ...results], tools });
    },
    { agent: "a" },
  );
  await agent();
  const [asking] = await recorded.steps("llm");
  const calls = await recorded.steps("tool");
  expect(
    calls.map(({ attributes }) => [
      attributes["gen_ai.tool.call.id"],
      attributes["runledger.tool.known"],
      attributes["runledger.tool.valid"],
      attributes["gen_ai.tool.call.result"],
    ]),
  ).toEqual([
    ["call_a", true, true, "result of call_a"],
    ["call_b", true, false, "result of call_b"],
    ["call_c", false, undefined, "result of call_c"],
    ["call_d", true, false, undefined],
  ]);
  for (const call of calls) {
    expect(call.attributes["runledger.tool.inferred"]).toBe(true);
    expect(call.attributes["runledger.tool.requested_by"]).toBe(asking?.spanContext().spanId);
  }
  expect(calls[2]?.attributes["error.type"]).toBe("unknown_tool");
  expect(calls[0]?.startTime).toEqual(asking?.endTime);
});

test("calls outside a wrapped agent, and calls to anything else, are not touched", async () => {
  server = await startModelServer((response) => sendJson(response, completion("Hi!")));
  await client().chat.completions.create({ model: "gpt-4o", messages });
  const other = await recorded.ledger.wrap(() => fetch(`${server?.baseUrl}/other`, { method: "POST", body: "{}" }), {
    agent: "a",
  })();
  expect(other.url).toBe(`${server.baseUrl}/other`);
  expect(await recorded.steps("llm")).toEqual([]);
});

test("what the caller sees of a captured response is what the network gave", async () => {
  server = await startModelServer((response) => sendJson(response, completion("Hi!"), 200, { "x-extra": "1" }));
  const url = `${server.baseUrl}/chat/completions`;
  const ask = () => fetch(url, { method: "POST", body: JSON.stringify({ model: "m", messages }) });
  const response = await recorded.ledger.wrap(ask, { agent: "a" })();
  expect(response).toBeInstanceOf(Response);
  expect([response.url, response.status, response.ok, response.type, response.redirected]).toEqual([
    url,
    200,
    true,
    "basic",
    false,
  ]);
  expect(response.headers.get("x-extra")).toBe("1");
  expect(await response.clone().json()).toEqual(await response.json());
});

test("a body that is no chat request is passed on, and the call still recorded", async () => {
  server = await startModelServer((response, _request, body) => sendJson(response, { echo: body.length }));
  const url = `${server.baseUrl}/chat/completions`;
  const ask = async () => await (await fetch(url, { method: "POST", body: "not json" })).json();
  expect(await recorded.ledger.wrap(ask, { agent: "a" })()).toEqual({ echo: 8 });
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["runledger.response.body"]).toBe('{"echo":8}');
  expect(recorded.ledger.stats().failures.capture).toBe(1);
  expect(recorded.warnings).toHaveLength(1);
});

test("a Request object is captured like an address", async () => {
  server = await startModelServer((response) => sendJson(response, completion("Hi!")));
  const request = () =>
    new Request(`${server?.baseUrl}/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "gpt-4o", messages }),
    });
  await recorded.ledger.wrap(async () => await (await fetch(request())).json(), { agent: "a" })();
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["gen_ai.request.model"]).toBe("gpt-4o");
  expect(server.bodies[0]).toContain("gpt-4o");
});

test("a service of one's own whose path looks like a model's is no model call, and no limit's concern", async () => {
  server = await startModelServer((response) => sendJson(response, { ok: true }));
  const base = server.baseUrl;
  const agent = recorded.ledger.wrap(
    async () => {
      const post = (path: string, body: object) =>
        fetch(`${base}${path}`, { method: "POST", body: JSON.stringify(body) }).then((answer) => answer.json());
      return [await post("/api/chat", { messages: [], id: "1" }), await post("/survey/responses", { answer: 42 })];
    },
    { agent: "surveyor", limits: { steps: 1 } },
  );
  expect(await agent()).toEqual([{ ok: true }, { ok: true }]);
  expect(await recorded.steps("llm")).toEqual([]);
});
