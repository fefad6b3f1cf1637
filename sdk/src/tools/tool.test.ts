import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { completion, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import { ToolError } from "./tool-error.ts";

let recorded: RecordedLedger;
beforeEach(() => {
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
});
const inRun = <T>(work: () => Promise<T>) => recorded.ledger.wrap(work, { agent: "a" })();
const city = z.object({ city: z.string() });

test("an exact tool is recorded with its arguments and its result", async () => {
  const weather = recorded.ledger.tool({ name: "weather", input: city, run: ({ city }) => ({ city, celsius: 4 }) });
  expect(await inRun(() => weather({ city: "Oslo" }))).toEqual({ city: "Oslo", celsius: 4 });
  const [step] = await recorded.steps("tool");
  expect(step?.name).toBe("execute_tool weather");
  expect(step?.attributes).toMatchObject({
    "gen_ai.tool.name": "weather",
    "gen_ai.tool.call.arguments": '{"city":"Oslo"}',
    "gen_ai.tool.call.result": '{"city":"Oslo","celsius":4}',
    "runledger.tool.known": true,
    "runledger.tool.valid": true,
    "runledger.tool.attempt": 1,
  });
  expect(step?.attributes).not.toHaveProperty("runledger.tool.inferred");
});

test("arguments that don't fit are refused before anything runs, and the fault is named", async () => {
  let ran = false;
  const weather = recorded.ledger.tool({
    name: "weather",
    input: city,
    run: () => {
      ran = true;
    },
  });
  const error = await inRun(() => weather('{"city":7}')).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ToolError);
  expect(error).toMatchObject({ code: "invalid_arguments", tool: "weather" });
  expect(String(error)).toContain("city");
  expect(ran).toBe(false);
  const [step] = await recorded.steps("tool");
  expect(step?.attributes).toMatchObject({
    "runledger.tool.valid": false,
    "gen_ai.tool.call.arguments": '{"city":7}',
    "error.type": "invalid_arguments",
  });
});

test("a JSON Schema checks as zod does, and text that is no JSON is refused", async () => {
  const schema = { type: "object", properties: { n: { type: "integer", minimum: 1 } }, required: ["n"] };
  const tool = recorded.ledger.tool<{ n: number }, number>({ name: "half", input: schema, run: ({ n }) => n / 2 });
  expect(await tool('{"n":4}')).toBe(2);
  await expect(tool({ n: 0 })).rejects.toMatchObject({ code: "invalid_arguments" });
  await expect(tool('{"n":')).rejects.toMatchObject({ code: "invalid_arguments" });
});

test("the definition is what a chat completions request takes", () => {
  const { definition } = recorded.ledger.tool({
    name: "weather",
    description: "Weather of a city",
    input: city,
    run: () => 1,
  });
  expect(definition).toMatchObject({
    type: "function",
    function: { name: "weather", description: "Weather of a city", parameters: { type: "object", required: ["city"] } },
  });
});

test("a tool's own error passes unchanged, and the next try with the same arguments is attempt 2", async () => {
  const error = new Error("disk full");
  let tries = 0;
  const flaky = recorded.ledger.tool({
    name: "flaky",
    input: city,
    run: () => {
      if (tries++ === 0) throw error;
      return "ok";
    },
  });
  const result = await inRun(async () => {
    expect(await flaky({ city: "Oslo" }).catch((thrown: unknown) => thrown)).toBe(error);
    return await flaky({ city: "Oslo" });
  });
  expect(result).toBe("ok");
  const steps = await recorded.steps("tool");
  expect(steps.map((step) => [step.attributes["runledger.tool.attempt"], step.attributes["error.type"]])).toEqual([
    [1, "Error"],
    [2, undefined],
  ]);
});

test("a tool that takes too long is given up and told so", async () => {
  let aborted = false;
  const slow = recorded.ledger.tool({
    name: "slow",
    input: city,
    timeoutMs: 20,
    run: (_input, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          aborted = true;
        });
        setTimeout(resolve, 5_000).unref();
      }),
  });
  await expect(inRun(() => slow({ city: "Oslo" }))).rejects.toMatchObject({ code: "timeout" });
  expect(aborted).toBe(true);
  expect((await recorded.steps("tool"))[0]?.attributes["error.type"]).toBe("timeout");
});

test("an exact call is not inferred a second time, and knows which answer asked for it", async () => {
  const calls = [
    { id: "call_1", name: "weather", arguments: '{"city":"Oslo"}' },
    { id: "call_2", name: "weather", arguments: '{ "city": "Rome" }' },
  ];
  const server = await startModelServer((response, request) =>
    sendJson(response, request === 0 ? completion(null, calls) : completion("done")),
  );
  const weather = recorded.ledger.tool({ name: "weather", input: city, run: ({ city }) => city });
  const client = () => new OpenAI({ apiKey: "key", baseURL: server.baseUrl });
  await inRun(async () => {
    const first = await client().chat.completions.create({
      model: "gpt-4o",
      messages: [],
      tools: [weather.definition],
    });
    await weather({ city: "Rome" });
    await weather({ city: "Oslo" });
    const message = first.choices[0]?.message;
    if (message === undefined) throw new Error("no message");
    const results = calls.map(({ id }) => ({ role: "tool" as const, tool_call_id: id, content: "x" }));
    await client().chat.completions.create({ model: "gpt-4o", messages: [message, ...results] });
  });
  const [asking] = await recorded.steps("llm");
  const steps = await recorded.steps("tool");
  expect(steps.map((step) => step.attributes["gen_ai.tool.call.id"])).toEqual(["call_2", "call_1"]);
  expect(steps.map((step) => step.attributes["runledger.tool.requested_by"])).toEqual(
    Array(2).fill(asking?.spanContext().spanId),
  );
  await server.close();
});

test("model calls within a tool hang below it", async () => {
  const server = await startModelServer((response) => sendJson(response, completion("hi")));
  const client = () => new OpenAI({ apiKey: "key", baseURL: server.baseUrl });
  const tool = recorded.ledger.tool({
    name: "think",
    input: city,
    run: async () => await client().chat.completions.create({ model: "gpt-4o", messages: [] }),
  });
  await inRun(() => tool({ city: "Oslo" }));
  const [call] = await recorded.steps("llm");
  const [step] = await recorded.steps("tool");
  expect(call?.parentSpanContext?.spanId).toBe(step?.spanContext().spanId);
  await server.close();
});
