import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { chunk, completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

let recorded: RecordedLedger;
let server: ModelServer;
beforeEach(async () => {
  recorded = createRecordedLedger();
  server = await startModelServer((response, _request, body) => {
    if (!body.includes('"stream":true')) return sendJson(response, completion("Hi!"));
    response
      .writeHead(200, { "content-type": "text/event-stream" })
      .end(`${chunk({ content: "Hi!" })}data: [DONE]\n\n`);
  });
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  await server.close();
});

const client = () => new OpenAI({ apiKey: "key", baseURL: server.baseUrl });
const ask = async (content = "Hello") =>
  await client().chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content }] });
const stream = async () =>
  await client().chat.completions.create({
    model: "gpt-4o",
    messages: [{ role: "user", content: "Hello" }],
    stream: true,
  });
const seqOf = (span: ReadableSpan) => span.attributes["runledger.run.seq"];

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

test("a run is a trace: a start, its steps, and an end that commits to their count", async () => {
  await recorded.ledger.wrap(
    async () => {
      await ask();
      return "fine";
    },
    {
      agent: "a",
      version: "1.2.3",
      taskType: "ticket",
      session: "s1",
      user: "u1",
      taskId: "t1",
      outcome: (answer) => `went ${answer}`,
    },
  )();
  const records = await recorded.records();
  expect(records.map((span) => span.attributes["runledger.event"] ?? span.attributes["runledger.step.kind"])).toEqual([
    "run_start",
    "llm",
    "run_end",
  ]);
  expect(records.map(seqOf)).toEqual([0, 1, 2]);
  const end = await recorded.end();
  expect(end.parentSpanContext).toBeUndefined();
  expect(end.attributes).toMatchObject({
    "runledger.run.status": "completed",
    "runledger.run.outcome": "went fine",
    "runledger.run.records": 3,
  });
  for (const span of records) {
    expect(span.spanContext().traceId).toBe(end.spanContext().traceId);
    if (span !== end) expect(span.parentSpanContext?.spanId).toBe(end.spanContext().spanId);
    expect(span.attributes).toMatchObject({
      "gen_ai.agent.name": "a",
      "gen_ai.agent.version": "1.2.3",
      "runledger.task.type": "ticket",
      "runledger.task.id": "t1",
      "session.id": "s1",
      "user.id": "u1",
    });
  }
});

test("the start leaves the process before the agent is done", async () => {
  let release = () => {};
  const running = recorded.ledger.wrap(
    () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
    { agent: "a" },
  )();
  const [start] = await recorded.records();
  expect(start?.attributes).toMatchObject({
    "runledger.event": "run_start",
    "runledger.run.heartbeat_interval_ms": 10_000,
  });
  release();
  await running;
});

test("a running agent gives signs of life", async () => {
  await recorded.ledger.shutdown();
  recorded = createRecordedLedger({ heartbeatMs: 20 });
  await recorded.ledger.wrap(() => new Promise((resolve) => setTimeout(resolve, 400)), { agent: "a" })();
  const beats = (await recorded.records()).filter((span) => span.attributes["runledger.event"] === "run_heartbeat");
  expect(beats.length).toBeGreaterThanOrEqual(2);
});

test("the agent's own error reaches the caller as it was thrown", async () => {
  const error = new RangeError("mine");
  const rejecting = recorded.ledger.wrap(
    async () => {
      throw error;
    },
    { agent: "a" },
  );
  const throwing = recorded.ledger.wrap(
    () => {
      throw error;
    },
    { agent: "b" },
  );
  expect(await rejecting().catch((thrown: unknown) => thrown)).toBe(error);
  expect(throwing).toThrow(error);
  const ends = (await recorded.records()).filter((span) => span.attributes["runledger.event"] === "run_end");
  expect(ends).toHaveLength(2);
  for (const end of ends) {
    expect(end.attributes).toMatchObject({
      "runledger.run.status": "failed",
      "runledger.run.reason": "mine",
      "error.type": "RangeError",
    });
  }
});

test("this, arguments, name, length and a synchronous result are those of the agent", () => {
  const agent = {
    factor: 3,
    times(this: { factor: number }, a: number, b: number) {
      return this.factor * a * b;
    },
  };
  const wrapped = { ...agent, times: recorded.ledger.wrap(agent.times, { agent: "a" }) };
  expect(wrapped.times(2, 5)).toBe(30);
  expect([wrapped.times.name, wrapped.times.length]).toEqual(["times", 2]);
});

test("an async generator is a run until its last value, and its calls belong to it", async () => {
  const agent = recorded.ledger.wrap(
    async function* (count: number) {
      for (let i = 0; i < count; i++) {
        await ask();
        yield i;
      }
      return "end";
    },
    { agent: "a" },
  );
  const generator = agent(2);
  expect(Object.prototype.toString.call(generator)).toBe("[object AsyncGenerator]");
  expect(await collect(generator)).toEqual([0, 1]);
  expect(await recorded.steps("llm")).toHaveLength(2);
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("completed");
});

test("a generator left early ends the run, one that throws fails it", async () => {
  const agent = recorded.ledger.wrap(
    async function* () {
      yield 1;
      throw new Error("late");
    },
    { agent: "a" },
  );
  for await (const _ of agent()) break;
  await expect(collect(agent())).rejects.toThrow("late");
  const statuses = (await recorded.records()).map((span) => span.attributes["runledger.run.status"]).filter(Boolean);
  expect(statuses).toEqual(["completed", "failed"]);
});

test("a ReadableStream that an agent returns is passed on unchanged, and the run ends with it", async () => {
  const agent = recorded.ledger.wrap(async () => (await stream()).toReadableStream(), { agent: "a" });
  const result = await agent();
  const plain = (await stream()).toReadableStream();
  expect(await new Response(result).text()).toBe(await new Response(plain).text());
  const end = await recorded.end();
  expect(seqOf(end)).toBe(2);
});

test("a client's stream that an agent returns is the very one, and is recorded as its reader reads it", async () => {
  const given: unknown[] = [];
  const agent = recorded.ledger.wrap(
    async () => {
      const answer = await stream();
      given.push(answer);
      return answer;
    },
    { agent: "a" },
  );
  const answer = await agent();
  expect(answer).toBe(given[0]);
  const words: unknown[] = [];
  for await (const part of answer) words.push(part.choices[0]?.delta.content);
  expect(words).toEqual(["Hi!"]);
  await expect.poll(async () => (await recorded.steps("llm")).length).toBe(1);
  await expect
    .poll(async () => (await recorded.records()).at(-1)?.attributes["runledger.run.status"])
    .toBe("completed");
  expect((await recorded.steps("llm"))[0]?.attributes).not.toHaveProperty("error.type");
});

test("a promise with methods of its own stays what it is", async () => {
  const agent = recorded.ledger.wrap(
    () => client().chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] }),
    { agent: "a" },
  );
  const { data, response } = await agent().withResponse();
  expect(data.choices[0]?.message.content).toBe("Hi!");
  expect(response.status).toBe(200);
});

test("a wrapped agent within a run is a step of it, its own calls below that step", async () => {
  const helper = recorded.ledger.wrap(async () => await ask("help"), { agent: "helper" });
  const agent = recorded.ledger.wrap(
    async () => {
      await ask("first");
      await helper();
    },
    { agent: "main" },
  );
  await agent();
  const records = await recorded.records();
  const end = await recorded.end();
  const [sub] = await recorded.steps("agent");
  const [first, help] = await recorded.steps("llm");
  expect(new Set(records.map((span) => span.spanContext().traceId)).size).toBe(1);
  expect(sub?.name).toBe("helper");
  expect(sub?.parentSpanContext?.spanId).toBe(end.spanContext().spanId);
  expect(first?.parentSpanContext?.spanId).toBe(end.spanContext().spanId);
  expect(help?.parentSpanContext?.spanId).toBe(sub?.spanContext().spanId);
  expect(records.map(seqOf)).toEqual([0, 1, 2, 3, 4]);
});

test("fifty runs at once stay apart", async () => {
  const agent = recorded.ledger.wrap(
    async (name: string) => {
      await ask(`${name} 1`);
      await ask(`${name} 2`);
    },
    { agent: "a", session: (name: string) => name },
  );
  await Promise.all(Array.from({ length: 50 }, (_, i) => agent(`run ${i}`)));
  const byTrace = Map.groupBy(await recorded.records(), (span) => span.spanContext().traceId);
  expect(byTrace.size).toBe(50);
  for (const records of byTrace.values()) {
    expect(records.map(seqOf)).toEqual([0, 1, 2, 3]);
    const session = String(records[0]?.attributes["session.id"]);
    expect(records.map((span) => span.attributes["session.id"])).toEqual([session, session, session, session]);
    for (const call of records.slice(1, 3)) expect(call.attributes["gen_ai.input.messages"]).toContain(`"${session} `);
  }
});

test("a callback of the user that throws costs its tag only", async () => {
  const bad = () => {
    throw new Error("no session");
  };
  expect(await recorded.ledger.wrap(async () => 1, { agent: "a", session: bad, outcome: bad })()).toBe(1);
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("completed");
  expect(recorded.ledger.stats().failures.callback).toBe(2);
});

test("the id of the run is there within it only", async () => {
  const id = await recorded.ledger.wrap(async () => recorded.ledger.runId(), { agent: "a" })();
  expect(id).toBe((await recorded.end()).spanContext().traceId);
  expect(recorded.ledger.runId()).toBeUndefined();
});
