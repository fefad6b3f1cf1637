import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import type { Dispatcher } from "./dispatcher.ts";

const PLACE = Symbol.for("undici.globalDispatcher.1");
const places = globalThis as unknown as Record<symbol, Dispatcher>;
const current = () => places[PLACE] as Dispatcher;

let server: ModelServer;
const ledgers: RecordedLedger[] = [];
let original: Dispatcher;
beforeEach(async () => {
  await fetch("data:,"); // Node.js makes its dispatcher at the first touch
  original = current();
  server = await startModelServer((response) => sendJson(response, completion("Hi!")));
});
afterEach(async () => {
  for (const { ledger } of ledgers.splice(0)) await ledger.shutdown();
  places[PLACE] = original;
  await server.close();
});

function ledger(): RecordedLedger {
  const recorded = createRecordedLedger();
  ledgers.push(recorded);
  return recorded;
}
const client = () => new OpenAI({ apiKey: "key", baseURL: server.baseUrl, maxRetries: 0 });
const messages = [{ role: "user" as const, content: "Hello" }];
const ask = async (openai = client()) => await openai.chat.completions.create({ model: "gpt-4o", messages });
const post = (init: object = {}) =>
  fetch(`${server.baseUrl}/chat/completions`, { method: "POST", body: "{}", ...init });
async function calls(recorded: RecordedLedger): Promise<number> {
  return (await recorded.steps("llm")).length;
}
/** A dispatcher of the class that Node.js itself uses. */
const ownDispatcher = () => new (original.constructor as new () => Dispatcher & { close(): Promise<void> })();

test("client first or ledger first, streamed or not, each call is one step", async () => {
  const before = client();
  const recorded = ledger();
  const after = client();
  const agent = recorded.ledger.wrap(
    async (openai: OpenAI, stream: boolean) => {
      if (!stream) return void (await ask(openai));
      for await (const _ of await openai.chat.completions.create({ model: "m", messages, stream }));
    },
    { agent: "a" },
  );
  for (const openai of [before, after]) for (const stream of [false, true]) await agent(openai, stream);
  expect((await recorded.steps("llm")).map((step) => step.attributes["gen_ai.request.stream"])).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

test("a function of the user's own, and undici's own shortcuts, end in the same place and are captured", async () => {
  const recorded = ledger();
  const custom = new OpenAI({
    apiKey: "key",
    baseURL: server.baseUrl,
    fetch: async (input, init) => await fetch(input, init),
  });
  const { origin, pathname: path } = new URL(`${server.baseUrl}/chat/completions`);
  await recorded.ledger.wrap(
    async () => {
      await ask(custom);
      const undici = current() as unknown as {
        request(options: object): Promise<{ body: { json(): Promise<unknown> } }>;
      };
      const { body } = await undici.request({ origin, path, method: "POST", body: JSON.stringify({ messages }) });
      expect(await body.json()).toEqual(completion("Hi!"));
    },
    { agent: "a" },
  )();
  expect(await calls(recorded)).toBe(2);
});

test("a call with a dispatcher of its own is captured too, and only its run's", async () => {
  const recorded = ledger();
  const dispatcher = ownDispatcher();
  const openai = new OpenAI({
    apiKey: "key",
    baseURL: server.baseUrl,
    fetchOptions: { dispatcher } as unknown as NonNullable<ConstructorParameters<typeof OpenAI>[0]>["fetchOptions"] &
      object,
  });
  await ask(openai);
  await recorded.ledger.wrap(() => ask(openai), { agent: "a" })();
  expect(await calls(recorded)).toBe(1);
  await dispatcher.close();
});

test("a global dispatcher set after the ledger is captured from the next run on, and given back at the end", async () => {
  const recorded = ledger();
  const theirs = ownDispatcher();
  places[PLACE] = theirs;
  const agent = recorded.ledger.wrap(() => ask(), { agent: "a" });
  await agent();
  const ours = current();
  await agent();
  expect(current()).toBe(ours);
  expect(await calls(recorded)).toBe(2);
  await recorded.ledger.shutdown();
  expect(current()).toBe(theirs);
  await theirs.close();
});

test("one built on top of ours doesn't record a call twice", async () => {
  const recorded = ledger();
  const below = current();
  places[PLACE] = { dispatch: (options, handler) => below.dispatch(options, handler) };
  await recorded.ledger.wrap(() => ask(), { agent: "a" })();
  expect(await calls(recorded)).toBe(1);
});

test("two ledgers record their own agents, and an agent of both in both, without piling up", async () => {
  const [first, second] = [ledger(), ledger()];
  const a = first.ledger.wrap(() => ask(), { agent: "a" });
  const b = second.ledger.wrap(() => ask(), { agent: "b" });
  await a();
  const installed = current();
  for (let i = 0; i < 3; i++) await Promise.all([a(), b()]);
  expect(current()).toBe(installed);
  await second.ledger.wrap(() => a(), { agent: "both" })();
  expect([await calls(first), await calls(second)]).toEqual([5, 4]);
  await first.ledger.shutdown();
  await b();
  await a();
  expect([await calls(first), await calls(second)]).toEqual([5, 5]);
});

test("runs at the same time keep their calls apart", async () => {
  const recorded = ledger();
  const agent = recorded.ledger.wrap(
    async (name: string) => {
      for (let i = 0; i < 3; i++) {
        await client().chat.completions.create({ model: "m", messages: [{ role: "user", content: name }] });
      }
      return recorded.ledger.runId();
    },
    { agent: "a" },
  );
  const names = ["red", "green", "blue", "grey"];
  const runs = await Promise.all(names.map((name) => agent(name)));
  for (const step of await recorded.steps("llm")) {
    const name = names[runs.indexOf(step.spanContext().traceId)];
    expect(step.attributes["gen_ai.input.messages"]).toContain(`"${name}"`);
  }
  expect(await calls(recorded)).toBe(12);
});

test("shutdown gives back the global dispatcher and fetch, and leaves alone what somebody has put in front", async () => {
  const plainFetch = globalThis.fetch;
  const first = ledger();
  expect(current()).not.toBe(original);
  await first.ledger.shutdown();
  expect(await first.ledger.wrap(async () => (await ask()).id, { agent: "a" })()).toBe("chatcmpl-1");
  expect(current()).toBe(original);
  expect(globalThis.fetch).toBe(plainFetch);

  const second = ledger();
  const below = globalThis.fetch;
  const theirFetch: typeof fetch = (...args) => below(...args);
  const theirs: Dispatcher = { dispatch: (options, handler) => original.dispatch(options, handler) };
  globalThis.fetch = theirFetch;
  places[PLACE] = theirs;
  await second.ledger.shutdown();
  expect(globalThis.fetch).toBe(theirFetch);
  expect(current()).toBe(theirs);
  globalThis.fetch = plainFetch;
});

test("a limit refuses the call before the server sees it", async () => {
  const recorded = ledger();
  const failures: unknown[] = [];
  const agent = recorded.ledger.wrap(
    async () => {
      await post();
      await post().catch((error: unknown) => failures.push(error));
      await ask();
    },
    { agent: "a", limits: { steps: 1 } },
  );
  await expect(agent()).rejects.toMatchObject({ name: "AgentStopped", limit: "steps" });
  expect(server.bodies).toHaveLength(1);
  expect(failures[0]).toMatchObject({ message: "fetch failed", cause: { name: "AgentStopped" } });
  expect(await calls(recorded)).toBe(1);
});

test("a limit on repeats counts what the refused request itself tells of", async () => {
  const asks = [1, 2].map((i) => ({ id: `call_${i}`, name: "look", arguments: "{}" }));
  await server.close();
  server = await startModelServer((response) => sendJson(response, completion(null, asks)));
  const recorded = ledger();
  const results = asks.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "nothing" }));
  const agent = recorded.ledger.wrap(
    async () => {
      await (await post({ body: JSON.stringify({ messages }) })).json();
      await post({ body: JSON.stringify({ messages: [...messages, ...results] }) });
    },
    { agent: "a", limits: { repeats: 1 } },
  );
  await expect(agent()).rejects.toMatchObject({ name: "AgentStopped", limit: "repeats" });
  expect(server.bodies).toHaveLength(1);
});
