import OpenAI from "openai";
import { Agent, fetch as undiciFetch } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentStopped } from "../index.ts";
import { chunk, completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

let recorded: RecordedLedger;
let server: ModelServer;
/** Made before any ledger was, so that nothing of it is seen by itself. */
let early: Agent;
beforeEach(async () => {
  early = new Agent();
  server = await startModelServer((response, _request, body) => {
    if (!body.includes('"stream":true')) return sendJson(response, completion("Hi!"));
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(`${chunk({ content: "Hi!" })}data: [DONE]\n\n`);
  });
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  await server.close();
  await early.close();
});

const messages = [{ role: "user" as const, content: "Hello" }];
const ownFetch = ((input: string, init: object) =>
  undiciFetch(input, { ...init, dispatcher: early })) as unknown as typeof fetch;
const client = (options: object) => new OpenAI({ apiKey: "key", baseURL: server.baseUrl, maxRetries: 0, ...options });
const ask = (openai: OpenAI) => () => openai.chat.completions.create({ model: "gpt-4o", messages });

test("without ledger.model a client with a transport of its own is not seen, with it each call is, once", async () => {
  const openai = client({ fetch: ownFetch });
  await recorded.ledger.wrap(ask(openai), { agent: "a" })();
  expect(await recorded.steps("llm")).toHaveLength(0);
  expect(recorded.ledger.model(openai)).toBe(openai);
  recorded.ledger.model(openai);
  const answer = await recorded.ledger.wrap(ask(openai), { agent: "a" })();
  expect(answer.choices[0]?.message.content).toBe("Hi!");
  const calls = await recorded.steps("llm");
  expect(calls).toHaveLength(1);
  expect(calls[0]?.attributes).toMatchObject({ "gen_ai.response.id": "chatcmpl-1", "gen_ai.usage.input_tokens": 100 });
});

test("a client that would be seen anyway is seen once", async () => {
  await recorded.ledger.wrap(ask(recorded.ledger.model(client({}))), { agent: "a" })();
  expect(await recorded.steps("llm")).toHaveLength(1);
});

test("a fetch function and a dispatcher are seen too, streams among them", async () => {
  const fetches = [
    recorded.ledger.model(ownFetch),
    ((input: string, init: object) =>
      undiciFetch(input, { ...init, dispatcher: recorded.ledger.model(early) })) as unknown as typeof fetch,
  ];
  for (const fetch of fetches) {
    const agent = recorded.ledger.wrap(
      async () => {
        const stream = await client({ fetch }).chat.completions.create({ model: "gpt-4o", messages, stream: true });
        let text = "";
        for await (const piece of stream) text += piece.choices[0]?.delta.content ?? "";
        return text;
      },
      { agent: "a" },
    );
    expect(await agent()).toBe("Hi!");
  }
  const calls = await recorded.steps("llm");
  expect(calls).toHaveLength(2);
  for (const { attributes } of calls) expect(attributes["gen_ai.output.messages"]).toContain("Hi!");
});

test("limits hold: a refused call never reaches the server", async () => {
  const agent = recorded.ledger.wrap(
    async () => {
      for (let i = 0; i < 3; i++) await ask(recorded.ledger.model(client({ fetch: ownFetch })))();
    },
    { agent: "a", limits: { steps: 2 } },
  );
  await expect(agent()).rejects.toBeInstanceOf(AgentStopped);
  expect(server.bodies).toHaveLength(2);
});

test.each([[undefined], [null], [42], ["text"], [{}], [Object.freeze({ fetch: () => undefined })]])(
  "what is no client, %s, comes back as it is, and is told once",
  (value) => {
    expect(recorded.ledger.model(value)).toBe(value);
    expect(recorded.warnings).toHaveLength(1);
  },
);
