import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Settings } from "../config.ts";
import { AgentStopped } from "../limits/agent-stopped.ts";
import { type ControlServer, startControlServer } from "../testing/control-server.ts";
import { completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

let control: ControlServer;
let model: ModelServer;
let recorded: RecordedLedger;
const ledgers: RecordedLedger[] = [];

beforeEach(async () => {
  control = await startControlServer();
  model = await startModelServer((response, _request, body) => {
    if (!body.includes("hang")) sendJson(response, completion("again"));
  });
  recorded = controlled();
});
afterEach(async () => {
  await Promise.all(ledgers.splice(0).map(({ ledger }) => ledger.shutdown()));
  await control.close();
  await model.close();
});

function controlled(settings: Settings = {}): RecordedLedger {
  const made = createRecordedLedger({ control: "on", controlUrl: control.url, ...settings });
  ledgers.push(made);
  return made;
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ask = async (content = "Hello") =>
  await new OpenAI({ apiKey: "key", baseURL: model.baseUrl, maxRetries: 0 }).chat.completions.create({
    model: "gpt-4o",
    messages: [{ role: "user", content }],
  });
/** An agent that loops until somebody stops it. */
function looping(step: () => Promise<unknown> = ask, more: object = {}, of = recorded) {
  return of.ledger.wrap(
    async () => {
      for (;;) {
        await step();
        await pause(10);
      }
    },
    { agent: "loop", ...more },
  );
}
const errorOf = (running: Promise<unknown>): Promise<unknown> => running.catch((error: unknown) => error);
const connected = (of = recorded) => expect.poll(() => of.ledger.stats().control).toBe("connected");

test("a kill refuses the next call of a running agent, and its run ends as killed, by whom and why", async () => {
  const running = errorOf(looping()());
  await expect.poll(() => model.bodies.length).toBeGreaterThan(2);
  await expect.poll(() => control.waiting()).toBe(1);
  control.kill({ agent: "loop" }, "burns money");
  const stop = await running;
  expect(stop).toBeInstanceOf(AgentStopped);
  expect(stop).toMatchObject({ agent: "loop", limit: null, reason: "killed: burns money (by alice)" });
  expect(stop).toMatchObject({ kill: { kill_id: "k0", by: "alice" } });
  const end = await recorded.end();
  expect(end.attributes).toMatchObject({
    "runledger.run.status": "killed",
    "runledger.run.reason": "killed: burns money (by alice)",
    "runledger.kill.id": "k0",
  });
  const [step] = await recorded.steps("limit");
  expect(step?.name).toBe("kill");
  expect(step?.attributes).toMatchObject({ "runledger.kill.id": "k0", "runledger.kill.by": "alice" });
});

test("a kill aborts the model call that hangs, and a tool by its signal", async () => {
  const running = errorOf(looping(() => ask("hang"))());
  const tool = recorded.ledger.tool({
    name: "wait",
    input: { type: "object" },
    run: (_input, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const waiting = errorOf(looping(() => tool({}), { agent: "waiter" })());
  await expect.poll(() => model.bodies.length).toBe(1);
  await connected();
  control.kill({ all: true });
  expect(await running).toMatchObject({ reason: "killed: it loops (by alice)" });
  expect(await waiting).toMatchObject({ reason: "killed: it loops (by alice)" });
  expect((await recorded.steps("llm"))[0]?.attributes["error.type"]).toBe("AgentStopped");
});

test("it reaches the run, agent, task type or session that it names, and nobody else", async () => {
  let runId = "";
  const named = looping(async () => {
    runId = recorded.ledger.runId() ?? "";
    await ask();
  });
  const agents = {
    run: named,
    task: looping(ask, { agent: "b", taskType: "ticket" }),
    session: looping(ask, { agent: "c", session: "s1" }),
    other: looping(ask, { agent: "d", taskType: "other", session: "s2" }),
  };
  const ended: string[] = [];
  const running = Object.entries(agents).map(([name, agent]) => errorOf(agent()).then(() => ended.push(name)));
  await connected();
  await expect.poll(() => runId).not.toBe("");
  control.kill({ run_id: runId });
  await expect.poll(() => ended).toEqual(["run"]);
  control.kill({ task_type: "ticket" });
  await expect.poll(() => ended).toEqual(["run", "task"]);
  control.kill({ session: "s1" });
  await expect.poll(() => ended).toEqual(["run", "task", "session"]);
  await pause(300);
  expect(ended).toHaveLength(3);
  control.kill({ all: true });
  await Promise.all(running);
});

test("while it is in force a new run is refused at its start, and recorded; lifted, it runs", async () => {
  const other = errorOf(looping(ask, { agent: "other" })());
  await connected();
  control.kill({ agent: "loop" });
  let called = 0;
  const agent = recorded.ledger.wrap(
    async () => {
      called++;
      return await ask();
    },
    { agent: "loop" },
  );
  await expect.poll(() => control.waiting()).toBe(1);
  await expect(agent()).rejects.toMatchObject({ name: "AgentStopped", reason: "killed: it loops (by alice)" });
  expect(called).toBe(0);
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("killed");
  control.lift();
  await expect.poll(() => control.waiting()).toBe(1);
  await agent();
  expect(called).toBe(1);
  control.kill({ all: true });
  await other;
});

test("a kill of a sub-agent stops the sub-agent, and its caller may go on", async () => {
  const helper = looping(ask, { agent: "helper" });
  const main = recorded.ledger.wrap(
    async () => {
      const stop = await errorOf(helper());
      await ask("on my own");
      return stop;
    },
    { agent: "main" },
  );
  const running = main();
  await connected();
  control.kill({ agent: "helper" });
  expect(await running).toMatchObject({ agent: "helper", kill: { by: "alice" } });
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("completed");
});

test("an agent started while the API is away is reached once it is back, and one that runs too", async () => {
  const { port } = control;
  await control.close();
  const running = errorOf(looping()());
  await expect.poll(() => recorded.ledger.stats().failures.control).toBeGreaterThan(1);
  expect(recorded.warnings.filter((line) => line.startsWith("control:"))).toHaveLength(1);
  control = await startControlServer(port);
  await connected();
  await control.close();
  await expect.poll(() => recorded.ledger.stats().control).toBe("connecting");
  control = await startControlServer(port);
  control.kill({ agent: "loop" });
  expect(await running).toMatchObject({ reason: "killed: it loops (by alice)" });
});

test("control that is lost for too long stops agents, or lets them go on, as the user chose", async () => {
  await control.close();
  const stopping = controlled({ onControlLost: "stop", controlLostAfterMs: 300 });
  const going = controlled({ onControlLost: "continue", controlLostAfterMs: 300 });
  const goesOn = errorOf(looping(ask, {}, going)());
  const stop = await errorOf(looping(ask, {}, stopping)());
  expect(stop).toMatchObject({ kill: null, limit: null });
  expect(String((stop as AgentStopped).reason)).toMatch(/^control lost: /);
  expect((await stopping.end()).attributes["runledger.run.status"]).toBe("stopped");
  await expect(looping(ask, {}, stopping)()).rejects.toMatchObject({ name: "AgentStopped" });
  await expect.poll(() => going.ledger.stats().control).toBe("lost");
  const asked = model.bodies.length;
  await expect.poll(() => model.bodies.length).toBeGreaterThan(asked);
  control = await startControlServer(control.port);
  control.kill({ all: true });
  await goesOn;
  await expect.poll(() => stopping.ledger.stats().control).not.toBe("lost");
});

test("a server that answers nonsense, or at once and always the same, is not asked without end", async () => {
  const answers = [
    (response: Parameters<typeof sendJson>[0]) => sendJson(response, { nonsense: true }),
    (response: Parameters<typeof sendJson>[0]) => response.end("<html>"),
    (response: Parameters<typeof sendJson>[0]) => sendJson(response, { error: {} }, 404),
    (response: Parameters<typeof sendJson>[0]) => sendJson(response, { cursor: "same", kills: [], approvals: [] }),
    (response: Parameters<typeof sendJson>[0]) => response.destroy(),
    (response: Parameters<typeof sendJson>[0]) =>
      sendJson(response, { cursor: String(Math.random()), kills: [], approvals: [] }),
  ];
  const counts = await Promise.all(
    answers.map(async (answer) => {
      const server = await startControlServer();
      server.answerWith = answer;
      const of = controlled({ controlUrl: server.url });
      await of.ledger.wrap(() => pause(1_500), { agent: "a" })();
      await of.ledger.shutdown();
      await server.close();
      return server.requests.length;
    }),
  );
  for (const count of counts) expect(count).toBeGreaterThan(0);
  for (const count of counts.slice(0, 5)) expect(count).toBeLessThanOrEqual(8);
  expect(counts[5]).toBeLessThanOrEqual(16);
});

test("an answer without end is given up, and the key goes along", async () => {
  control.answerWith = (response) => {
    const more = () => void (response.destroyed || response.write("x".repeat(65_536), more));
    more();
  };
  const of = controlled({ apiKey: "a-key-of-the-test" });
  const running = of.ledger.wrap(() => pause(2_000), { agent: "a" })();
  await expect.poll(() => of.warnings.join()).toMatch(/more than \d+ bytes/);
  expect(control.requests[0]?.headers["authorization"]).toBe("Bearer a-key-of-the-test");
  await running;
});

test("off asks nobody", async () => {
  const of = controlled({ control: "off" });
  await of.ledger.wrap(() => pause(300), { agent: "a" })();
  expect(of.ledger.stats().control).toBe("off");
  expect(control.requests).toEqual([]);
});

test("it keeps no process alive, and asks only while agents run", async () => {
  const program = fileURLToPath(new URL("../testing/controlled-process.ts", import.meta.url));
  const begin = performance.now();
  const output = await new Promise<string>((resolve, reject) =>
    execFile(
      process.execPath,
      [program],
      { env: { ...process.env, RUNLEDGER_CONTROL_URL: control.url } },
      (error, stdout) => (error ? reject(error) : resolve(stdout)),
    ),
  );
  expect(output).toBe("connected\n");
  expect(performance.now() - begin).toBeLessThan(20_000); // a question alone is open for 25 s
  expect(control.requests.length).toBeGreaterThan(0);
});
