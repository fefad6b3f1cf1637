import OpenAI from "openai";
import { afterEach, expect, test } from "vitest";
import { type FakeModelServer, type Script, startFakeModelServer } from "./fake-model-server.ts";

let model: FakeModelServer | undefined;
afterEach(() => model?.close());

async function clientFor(script: Script, maxRetries = 0): Promise<OpenAI> {
  model = await startFakeModelServer(script);
  return new OpenAI({ apiKey: "key", baseURL: model.openaiUrl, maxRetries });
}
const messages = [{ role: "user" as const, content: "Hello" }];
const TURN = {
  text: "Let me look.",
  reasoning: "A door, perhaps.",
  toolCalls: [
    { name: "look", arguments: { at: "door" } },
    { name: "look", arguments: { at: "window" } },
  ],
  usage: { input: 12, output: 5, cacheRead: 8, reasoning: 2 },
};

test("the openai client takes a streamed chat completion for the plain one, under another id", async () => {
  const client = await clientFor([TURN, TURN]);
  const plain = await client.chat.completions.create({ model: "gpt-4o", messages });
  const stream = client.chat.completions.stream({ model: "gpt-4o", messages, stream_options: { include_usage: true } });
  const streamed = await stream.finalChatCompletion();
  expect(plain).toMatchObject({
    model: "gpt-4o-2024-08-06",
    choices: [{ finish_reason: "tool_calls", message: { content: "Let me look." } }],
    usage: { prompt_tokens: 12, prompt_tokens_details: { cached_tokens: 8 } },
  });
  const callsOf = (completion: typeof plain) =>
    completion.choices[0]?.message.tool_calls?.map((call) => ("function" in call ? call.function.arguments : null));
  expect(callsOf(streamed)).toEqual(callsOf(plain));
  expect(streamed.usage).toEqual(plain.usage);
  expect(streamed.id).not.toBe(plain.id);
});

test("a stream that was not asked to tell its usage tells none, and the facts say so", async () => {
  const client = await clientFor([TURN]);
  for await (const chunk of await client.chat.completions.create({ model: "gpt-4o", messages, stream: true }))
    expect(chunk.usage).toBeUndefined();
  expect(model?.exchanges[0]).toMatchObject({ stream: true, usage: null, finishReason: "tool_calls" });
});

test("the openai client takes a streamed response for the plain one", async () => {
  const client = await clientFor([TURN, TURN]);
  const plain = await client.responses.create({ model: "gpt-4o", input: "Hello" });
  const streamed = await client.responses.stream({ model: "gpt-4o", input: "Hello" }).finalResponse();
  const typesOf = ({ output }: Pick<typeof plain, "output">) => output.map(({ type }) => type);
  expect(typesOf(plain)).toEqual(["reasoning", "message", "function_call", "function_call"]);
  expect(typesOf(streamed)).toEqual(typesOf(plain));
  expect(streamed.output_text).toBe("Let me look.");
  expect(streamed.usage).toEqual(plain.usage);
  expect(plain.usage?.output_tokens_details.reasoning_tokens).toBe(2);
});

test("embeddings take no turn", async () => {
  const client = await clientFor([]);
  const { data } = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"] });
  expect(data.map(({ embedding }) => embedding.length)).toEqual([4, 4]);
});

test("anthropic's messages count cached tokens apart, plain and streamed", async () => {
  model = await startFakeModelServer([TURN, TURN]);
  const ask = async (stream: boolean) => {
    const response = await fetch(`${model?.anthropicUrl}/v1/messages`, {
      method: "POST",
      body: JSON.stringify({ model: "claude-sonnet-4-5", max_tokens: 10, messages, stream }),
    });
    return await response.text();
  };
  expect(JSON.parse(await ask(false))).toMatchObject({
    stop_reason: "tool_use",
    content: [
      { type: "thinking" },
      { type: "text" },
      { type: "tool_use", input: { at: "door" } },
      { type: "tool_use" },
    ],
    usage: { input_tokens: 4, cache_read_input_tokens: 8, output_tokens: 5 },
  });
  const events = [...(await ask(true)).matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(String(data)));
  expect(events.at(0)).toMatchObject({ type: "message_start", message: { usage: { input_tokens: 4 } } });
  expect(events.at(-2)).toMatchObject({ delta: { stop_reason: "tool_use" }, usage: { output_tokens: 5 } });
});

test("a failure is tried again by the client, and is a fact of its own", async () => {
  const client = await clientFor([{ status: 429, retryAfterMs: 1 }, { text: "now" }], 1);
  const answer = await client.chat.completions.create({ model: "gpt-4o", messages });
  expect(answer.choices[0]?.message.content).toBe("now");
  expect(model?.exchanges.map(({ status, responseId }) => [status, responseId])).toEqual([
    [429, null],
    [200, answer.id],
  ]);
});

test("a call beyond the script fails at once", async () => {
  const client = await clientFor([], 3);
  await expect(client.chat.completions.create({ model: "gpt-4o", messages })).rejects.toMatchObject({ status: 400 });
  expect(model?.exchanges).toHaveLength(1);
});

test("a stream can be cut in the middle", async () => {
  const client = await clientFor([{ text: "one two three", breakAfterChunks: 2 }]);
  const read = async () => {
    for await (const _ of await client.chat.completions.create({ model: "gpt-4o", messages, stream: true }));
  };
  await expect(read()).rejects.toThrow();
});
