import OpenAI from "openai";
import { afterEach, expect, test } from "vitest";
import { type FakeModel, type FakeScript, startFakeModel } from "./fake-model.ts";

let model: FakeModel | undefined;
afterEach(async () => {
  await model?.close();
});

async function clientFor(script: FakeScript, maxRetries = 0): Promise<OpenAI> {
  model = await startFakeModel({ default: script });
  return new OpenAI({ apiKey: "key", baseURL: model.baseUrl, maxRetries });
}
const messages = [{ role: "user" as const, content: "Hello" }];

test("the openai client takes a streamed answer for the plain one", async () => {
  const client = await clientFor(() => ({
    content: "Hello there, you.",
    toolCalls: [{ name: "look", arguments: { at: "door" } }],
    usage: { prompt: 12, completion: 5, cached: 8 },
  }));
  const plain = await client.chat.completions.create({ model: "gpt-4o", messages });
  const stream = client.chat.completions.stream({ model: "gpt-4o", messages, stream_options: { include_usage: true } });
  const streamed = await stream.finalChatCompletion();
  expect(plain.choices[0]?.message).toMatchObject({
    content: "Hello there, you.",
    tool_calls: [{ function: { name: "look", arguments: '{"at":"door"}' } }],
  });
  expect(streamed.choices[0]?.message.content).toBe(plain.choices[0]?.message.content);
  expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({
    function: { name: "look", arguments: '{"at":"door"}' },
  });
  expect(streamed.usage).toEqual(plain.usage);
  expect(plain.model).toBe("gpt-4o-2024-08-06");
});

test("an injected error is tried again by the client, and `earlier` counts", async () => {
  const client = await clientFor(
    ({ earlier }) =>
      earlier === 0 ? { status: 429, headers: { "retry-after-ms": "1" } } : { content: `try ${earlier + 1}` },
    1,
  );
  const answer = await client.chat.completions.create({ model: "gpt-4o", messages });
  expect(answer.choices[0]?.message.content).toBe("try 2");
});

test("a stream cut in the middle fails at the reader", async () => {
  const client = await clientFor(() => ({ content: "one two three", breakAfterChunks: 2 }));
  const stream = await client.chat.completions.create({ model: "gpt-4o", messages, stream: true });
  const read = async () => {
    for await (const _ of stream);
  };
  await expect(read()).rejects.toThrow();
});

test("models are listed, and an unknown one is an error", async () => {
  model = await startFakeModel({ "gpt-4o": () => ({ content: "x" }) });
  const client = new OpenAI({ apiKey: "key", baseURL: model.baseUrl, maxRetries: 0 });
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  expect(ids).toEqual(["gpt-4o"]);
  await expect(client.chat.completions.create({ model: "gpt-9", messages })).rejects.toMatchObject({ status: 404 });
});
