import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import { AgentStopped } from "./agent-stopped.ts";
import type { Limits } from "./limits.ts";

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
  expect(wrap({ costEur: 2 })).toThrow(/costEur/);
  expect(wrap({ toolErrors: 0 })).toThrow(/toolErrors/);
  expect(wrap({ steps: Number.NaN })).toThrow(/steps/);
  expect(wrap({ wallMs: 1e12 })).toThrow(/wallMs/);
});

test("a bound on money holds by the prices of the model that answered", async () => {
  // 100 tokens read, 64 of them cached, and 20 written: 0.00037 USD by the table.
  const stop = await loopUntilStopped({ costUsd: 0.001 });
  expect(stop).toMatchObject({ limit: "cost_usd", max: 0.001 });
  expect(stop.reached).toBeCloseTo(server.bodies.length * 0.00037, 6);
  expect(server.bodies).toHaveLength(3);
  expect((await recorded.end()).attributes["runledger.limit.reached"]).toBe(stop.reached);
});

test("prices can be one's own, and a call that they don't know is told", async () => {
  await recorded.ledger.shutdown();
  recorded = createRecordedLedger({
    price: ({ model, outputTokens }) => (model === "gpt-4o" ? undefined : outputTokens),
  });
  expect(await loopUntilStopped({ costUsd: 41 })).toMatchObject({ limit: "cost_usd", reached: 60 });
});

test("a model without a price stops an agent with a bound on money, after that one call", async () => {
  await recorded.ledger.shutdown();
  recorded = createRecordedLedger({ price: () => undefined });
  const stop = await loopUntilStopped({ costUsd: 1 });
  expect(stop.message).toContain("no known price");
  expect(server.bodies).toHaveLength(1);
});

test("a model that does not report what it used is estimated", async () => {
  await server.close();
  server = await startModelServer((response) => {
    const { usage: _none, ...silent } = completion("words ".repeat(400));
    sendJson(response, silent);
  });
  const stop = await loopUntilStopped({ tokens: 1_000 });
  expect(stop.limit).toBe("tokens");
  expect(server.bodies).toHaveLength(2); // 2,400 characters an answer
});

test("parallel calls share what is left, and those that run are aborted when one is refused", async () => {
  const stop = await loopUntilStopped({ steps: 3 }, () => Promise.all(Array.from({ length: 8 }, () => ask("hang"))));
  expect(stop).toMatchObject({ limit: "steps", reached: 3 });
  const calls = await recorded.steps("llm");
  expect(calls).toHaveLength(3);
  expect(calls.map((call) => call.attributes["error.type"])).toEqual(Array(3).fill("AgentStopped"));
  expect((await recorded.steps("limit"))[0]?.attributes["runledger.limit.running"]).toBe(3);
});

test("tools that fail one after the other stop the agent", async () => {
  const broken = recorded.ledger.tool({
    name: "broken",
    input: { type: "object" },
    run: () => {
      throw new Error("down");
    },
  });
  let round = 0;
  const stop = await loopUntilStopped(
    { toolErrors: 3 },
    async () =>
      await broken({ round: round++ }).catch((error) => {
        if (error instanceof AgentStopped) throw error;
      }),
  );
  expect(stop).toMatchObject({ limit: "tool_errors", reached: 3 });
});

test("sub-agents beyond the bound are refused, whichever way they fail", async () => {
  const helper = recorded.ledger.wrap(async () => "x", { agent: "helper" });
  const stop = await loopUntilStopped({ subAgents: 2 }, async () => {
    const answer = helper();
    expect(answer).toBeInstanceOf(Promise);
    await answer;
  });
  expect(stop).toMatchObject({ agent: "loop", limit: "sub_agents", reached: 2 });
  expect(await recorded.steps("agent")).toHaveLength(2);
});

test("the agent's own waits end with it, by the ledger's signal", async () => {
  expect(recorded.ledger.signal().aborted).toBe(false);
  const stop = await loopUntilStopped({ wallMs: 50 }, async () => {
    const signal = recorded.ledger.signal();
    await new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  });
  expect(stop.limit).toBe("wall_ms");
});

test("a hand-off answers instead of the error, knows why and how far, and the run ends handed off", async () => {
  const agent = recorded.ledger.wrap(
    async (): Promise<string> => {
      for (;;) await ask();
    },
    {
      agent: "loop",
      limits: { steps: 2 },
      handoff: {
        to: "support queue",
        run: async (stop, summary) => {
          await expect(ask()).rejects.toThrow(); // the limit still holds
          return `${stop.limit} after ${summary.tokens} tokens of ${summary.runId}`;
        },
      },
    },
  );
  const answer = await agent();
  const end = await recorded.end();
  expect(answer).toBe(`steps after 240 tokens of ${end.spanContext().traceId}`);
  expect(end.attributes).toMatchObject({
    "runledger.run.status": "handed_off",
    "runledger.run.reason": "to support queue: limit steps: 2 of 2",
    "runledger.limit.name": "steps",
  });
  expect(server.bodies).toHaveLength(2);
  expect((await recorded.steps("handoff"))[0]?.attributes["runledger.handoff.to"]).toBe("support queue");
});

test("a hand-off that fails leaves the run stopped, and its caller with the reason", async () => {
  const agent = recorded.ledger.wrap(
    async () => {
      for (;;) await ask();
    },
    {
      agent: "loop",
      limits: { steps: 1 },
      handoff: {
        to: "nobody",
        run: () => {
          throw new Error("queue is down");
        },
      },
    },
  );
  await expect(agent()).rejects.toMatchObject({ name: "AgentStopped", limit: "steps" });
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("stopped");
  expect(recorded.ledger.stats().failures.callback).toBe(1);
});

test("an agent that listens to nothing is not waited for: its run ends, and what is left of it calls nothing any more", async () => {
  const { promise: later, resolve: goOn } = Promise.withResolvers<void>();
  const left: unknown[] = [];
  const noted: unknown[] = [];
  const { ledger } = recorded;
  const note = ledger.tool({
    name: "note",
    input: { type: "object" },
    confirm: true,
    run: (input) => noted.push(input),
  });
  const sub = ledger.wrap(async () => noted.push("sub"), { agent: "sub" });
  const agent = ledger.wrap(
    async () => {
      await later;
      for (const call of [() => ask(), () => note({}), sub]) left.push(await call().catch((error: unknown) => error));
    },
    { agent: "deaf", limits: { wallMs: 50 } },
  );
  await expect(agent()).rejects.toMatchObject({ name: "AgentStopped", limit: "wall_ms" });
  expect((await recorded.end()).attributes).toMatchObject({ "runledger.run.status": "stopped" });
  goOn();
  await expect.poll(() => left.length).toBe(3);
  expect(left).toMatchObject([
    { cause: { cause: { name: "AgentStopped" } } },
    { limit: "wall_ms" },
    { limit: "wall_ms" },
  ]);
  expect(noted).toEqual([]);
  expect(server.bodies).toEqual([]);
});

test("a stream that hangs is not waited for either", async () => {
  const agent = recorded.ledger.wrap(
    async function* () {
      yield "a";
      await new Promise(() => {});
    },
    { agent: "deaf", limits: { wallMs: 50 } },
  );
  const got: string[] = [];
  await expect(
    (async () => {
      for await (const piece of agent()) got.push(piece);
    })(),
  ).rejects.toMatchObject({ limit: "wall_ms" });
  expect(got).toEqual(["a"]);
});

test("the caller gets AgentStopped, or what the hand-off gives, whatever a framework makes of a call that was refused", async () => {
  const work = async () => {
    for (;;) {
      await ask().catch(() => {
        throw new Error("failed after 3 attempts"); // no cause
      });
    }
  };
  const limits = { steps: 1 };
  await expect(recorded.ledger.wrap(work, { agent: "a", limits })()).rejects.toMatchObject({ limit: "steps" });
  const handoff = { to: "a person", run: async () => "taken over" as never };
  expect(await recorded.ledger.wrap(work, { agent: "a", limits, handoff })()).toBe("taken over");
});
