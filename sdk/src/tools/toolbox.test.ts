import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { AgentStopped } from "../limits/agent-stopped.ts";
import { completion, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

let recorded: RecordedLedger;
beforeEach(() => {
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
});
function toolbox() {
  const { ledger } = recorded;
  const weather = ledger.tool({
    name: "weather",
    description: "Weather of a city",
    input: z.object({ city: z.string() }),
    run: ({ city }) => ({ city, celsius: 4 }),
  });
  const boom = ledger.tool({
    name: "boom",
    input: { type: "object", properties: { n: { type: "integer" } } },
    run: () => {
      throw new Error("kaputt");
    },
  });
  return ledger.tools([weather, boom]);
}

test("an unknown tool is refused with the list of those that exist, and that is a record", async () => {
  const tools = toolbox();
  await recorded.ledger.wrap(
    async () => {
      await expect(tools.call("refund", { amount: 5 }, { callId: "c1" })).rejects.toMatchObject({
        code: "unknown_tool",
        message: "there is no tool refund; there are: weather, boom",
      });
    },
    { agent: "a" },
  )();
  const [step] = await recorded.steps("tool");
  expect(step?.attributes).toMatchObject({
    "error.type": "unknown_tool",
    "gen_ai.tool.call.arguments": '{"amount":5}',
    "gen_ai.tool.call.id": "c1",
    "runledger.tool.known": false,
  });
  expect(step?.attributes).not.toHaveProperty("runledger.tool.valid");
});

test("an answer is text for the model, of results and of errors; only a stop is thrown", async () => {
  const tools = toolbox();
  expect(await tools.answer("weather", '{"city":"Oslo"}')).toBe('{"city":"Oslo","celsius":4}');
  expect(await tools.answer("weather", "{}")).toMatch(/^error: invalid arguments for weather[\s\S]*city/);
  expect(await tools.answer("boom", {})).toBe("error: kaputt");
  expect(await tools.answer("refund", {})).toContain("there are: weather, boom");
  const agent = recorded.ledger.wrap(
    async () => {
      for (;;) await tools.answer("boom", {});
    },
    { agent: "a", limits: { steps: 2 } },
  );
  await expect(agent()).rejects.toBeInstanceOf(AgentStopped);
});

test("two tools of one name are refused", () => {
  const tool = recorded.ledger.tool({ name: "t", input: z.object({}), run: () => 1 });
  expect(() => recorded.ledger.tools([tool, tool])).toThrow(/one name/);
});

test("the lists are what the clients of OpenAI and Anthropic take, by their types and on the wire", async () => {
  const tools = toolbox();
  const server = await startModelServer((response) => sendJson(response, completion("hi")));
  const options = { apiKey: "key", baseURL: server.baseUrl };
  const openai = new OpenAI(options);
  const messages = [{ role: "user" as const, content: "hi" }];
  await openai.chat.completions.create({ model: "m", messages, tools: tools.openai() });
  await openai.responses.create({ model: "m", input: "hi", tools: tools.openaiResponses() });
  await new Anthropic(options).messages.create({ model: "m", max_tokens: 1, messages, tools: tools.anthropic() });
  const [chat, responses, anthropic] = server.bodies.map((body) => JSON.parse(body).tools[0]);
  const parameters = { type: "object", required: ["city"] };
  expect(chat).toMatchObject({ type: "function", function: { name: "weather", parameters } });
  expect(responses).toMatchObject({ type: "function", name: "weather", parameters });
  expect(anthropic).toMatchObject({ name: "weather", description: "Weather of a city", input_schema: parameters });
  await server.close();
});

test("the AI SDK's form runs the same tools under the model's call id", async () => {
  const { weather } = toolbox().aiSdk();
  const result = await recorded.ledger.wrap(
    async () => await weather?.execute({ city: "Oslo" }, { toolCallId: "call_7" }),
    { agent: "a" },
  )();
  expect(result).toEqual({ city: "Oslo", celsius: 4 });
  expect(weather?.inputSchema.safeParse({ city: 1 }).success).toBe(false);
  expect((await recorded.steps("tool"))[0]?.attributes["gen_ai.tool.call.id"]).toBe("call_7");
});
