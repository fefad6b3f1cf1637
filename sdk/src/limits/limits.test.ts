import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import { AgentStopped } from "./agent-stopped.ts";
import type { Limits } from "./limit-guard.ts";

let recorded: RecordedLedger;
let server: ModelServer;
beforeEach(async () => {
  recorded = createRecordedLedger();
  server = await startModelServer((response, _request, body) => {
    if (!body.includes("hang")) sendJson(response, completion("again"));
  });
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  await server.close();
});

const ask = async (content = "Hello") =>
  await new OpenAI({ apiKey: "key", baseURL: server.baseUrl, maxRetries: 0 }).chat.completions.create({
    model: "gpt-4o",
    messages: [{ role: "user", content }],
  });
async function loopUntilStopped(limits: Limits, step: () => Promise<unknown> = ask): Promise<AgentStopped> {
  const agent = recorded.ledger.wrap(
    async () => {
      for (;;) await step();
    },
    { agent: "loop", limits },
  );
  const error = await agent().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AgentStopped)) throw new Error(`not stopped: ${String(error)}`);
  return error;
}

test("a bound on steps lets exactly so many calls through", async () => {
  const stop = await loopUntilStopped({ steps: 3 });
  expect(stop).toMatchObject({ agent: "loop", limit: "steps", max: 3, reached: 3 });
  expect(server.bodies).toHaveLength(3);
  const [limit] = await recorded.steps("limit");
  expect(limit?.attributes).toMatchObject({
    "runledger.limit.name": "steps",
    "runledger.limit.max": 3,
    "runledger.limit.reached": 3,
  });
  const end = await recorded.end();
  expect(end.attributes).toMatchObject({
    "error.type": "AgentStopped",
    "runledger.run.status": "stopped",
    "runledger.run.reason": "limit steps: 3 of 3",
  });
  expect(end.status.message).toBe("agent loop stopped by limit steps: 3 of 3"); // not what the client's library made of it
  expect(await recorded.steps("limit")).toHaveLength(1);
});

test("a bound on tokens refuses the call after the one that reached it", async () => {
  const stop = await loopUntilStopped({ tokens: 200 });
  expect(stop).toMatchObject({ limit: "tokens", max: 200, reached: 240 });
  expect(server.bodies).toHaveLength(2);
});

test("wall clock aborts the call that is running", async () => {
  const begin = performance.now();
  const stop = await loopUntilStopped({ wallMs: 100 }, () => ask("hang"));
  expect(performance.now() - begin).toBeLessThan(10_000);
  expect(stop).toMatchObject({ limit: "wall_ms", max: 100 });
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["error.type"]).toBe("AgentStopped");
});

test("the same tool with the same arguments is refused past its bound, others are not", async () => {
  const calls: string[] = [];
  const tool = recorded.ledger.tool({
    name: "look",
    input: { type: "object" },
    run: (input) => void calls.push(JSON.stringify(input)),
  });
  let round = 0;
  const stop = await loopUntilStopped({ repeats: 2 }, async () => {
    round++;
    await tool({ b: 1, a: 2 });
    await tool({ round });
  });
  expect(stop).toMatchObject({ limit: "repeats", max: 2, reached: 3 });
  expect(stop.message).toContain("look");
  expect(calls.filter((call) => call.includes('"a"'))).toHaveLength(2);
});

test("the calls of a sub-agent count for the agent that called it", async () => {
  const helper = recorded.ledger.wrap(async () => await ask("help"), { agent: "helper", limits: { steps: 10 } });
  const stop = await loopUntilStopped({ steps: 3 }, helper);
  expect(stop).toMatchObject({ agent: "loop", limit: "steps" });
  expect(server.bodies).toHaveLength(3);
});

test("a sub-agent's own bound stops the sub-agent, and its caller may go on", async () => {
  const helper = recorded.ledger.wrap(
    async () => {
      for (;;) await ask("help");
    },
    { agent: "helper", limits: { steps: 2 } },
  );
  const agent = recorded.ledger.wrap(
    async () => {
      const stop = await helper().catch((error: unknown) => error);
      await ask("on my own");
      return stop;
    },
    { agent: "main", limits: { steps: 10 } },
  );
  expect(await agent()).toMatchObject({ agent: "helper", limit: "steps" });
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("completed");
  expect(server.bodies).toHaveLength(3);
});

test("limits that can't be held are refused when the agent is wrapped", () => {
  const wrap = (limits: object) => () => recorded.ledger.wrap(() => 1, { agent: "a", limits });
  expect(wrap({ costUsd: 2 })).toThrow(/costUsd/);
  expect(wrap({ steps: Number.NaN })).toThrow(/steps/);
  expect(wrap({ wallMs: 1e12 })).toThrow(/wallMs/);
});
