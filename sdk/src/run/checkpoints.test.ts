import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OtlpServer, startOtlpServer } from "../testing/otlp-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import type { ApprovalQuestion } from "../tools/approver.ts";
import type { Checkpoint } from "./checkpoint.ts";

let directory: string;
let recorded: RecordedLedger;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-checkpoints-"));
  recorded = createRecordedLedger({ checkpointDir: directory });
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  await rm(directory, { recursive: true, force: true });
});
const seqs = async () => (await recorded.records()).map(({ attributes }) => attributes["runledger.run.seq"]);

/** An agent that gives its checkpoint away and never comes back, as if its process had died. */
async function abandoned(work: () => Promise<void> = async () => {}): Promise<Checkpoint> {
  const { promise, resolve } = Promise.withResolvers<Checkpoint | undefined>();
  const agent = async () => {
    await work();
    resolve(recorded.ledger.checkpoint({ page: 3 }));
    await new Promise(() => {});
  };
  void recorded.ledger.wrap(agent, { agent: "importer" })();
  const checkpoint = await promise;
  if (checkpoint === undefined) throw new Error("no checkpoint");
  return checkpoint;
}

test("a checkpoint is a step with its state, and plain data to go on from", async () => {
  const checkpoint = await abandoned();
  const [step] = await recorded.steps("state");
  expect(step?.attributes).toMatchObject({
    "gen_ai.operation.name": "checkpoint",
    "runledger.checkpoint.id": checkpoint.id,
    "runledger.checkpoint.state": '{"page":3}',
  });
  expect(JSON.parse(JSON.stringify(checkpoint))).toEqual(checkpoint);
  expect(checkpoint).toMatchObject({ runId: step?.spanContext().traceId, state: { page: 3 }, records: 2 });
});

for (const by of ["the run's id", "the checkpoint itself"]) {
  test(`a run goes on by ${by}: the same run and span, numbers that go on, its figures and its results`, async () => {
    let paid = 0;
    const pay = recorded.ledger.tool({ name: "pay", input: { type: "object" }, run: () => ++paid });
    const call = () => pay({}, { idempotencyKey: "k" });
    const checkpoint = await abandoned(async () => void (await call()));
    const from = by === "the run's id" ? checkpoint.runId : (JSON.parse(JSON.stringify(checkpoint)) as Checkpoint);
    await recorded.ledger.flush();
    const before = (await recorded.records()).length;
    const agent = recorded.ledger.wrap(
      async () => [recorded.ledger.resumedState(), await call(), recorded.ledger.runId()],
      { agent: "importer", limits: { steps: 2 } },
    );
    expect(await recorded.ledger.resume(from, agent)).toEqual([{ page: 3 }, 1, checkpoint.runId]);
    expect(paid).toBe(1);
    const records = (await recorded.records()).slice(before);
    expect(records.map(({ attributes }) => attributes["runledger.run.seq"])).toEqual([3, 4, 5, 6]);
    expect(records.map(({ name }) => name)).toEqual([
      "heartbeat importer",
      "resume importer",
      "execute_tool pay",
      "invoke_agent importer",
    ]);
    const end = records.at(-1);
    expect(end?.spanContext()).toMatchObject({ traceId: checkpoint.runId, spanId: checkpoint.spanId });
    expect(end?.attributes).toMatchObject({ "runledger.run.status": "completed", "runledger.run.records": 7 });
    expect(await readdir(directory)).toEqual([]);
  });
}

test("what people are asked about is the same question after a crash, and never that of an equal call before the checkpoint", async () => {
  const asked: ApprovalQuestion[] = [];
  const approver = {
    async request(question: ApprovalQuestion) {
      asked.push(question);
      return await (asked.length === 3 ? new Promise<never>(() => {}) : { approved: true, by: "kim", reason: null });
    },
  };
  recorded = createRecordedLedger({ checkpointDir: directory, approver });
  let paid = 0;
  const pay = recorded.ledger.tool({
    name: "pay",
    input: { type: "object" },
    sideEffect: "irreversible",
    run: () => ++paid,
  });
  const agent = recorded.ledger.wrap(
    async () => {
      if (recorded.ledger.resumedState() === undefined) {
        await pay({ eur: 5 });
        await pay({ eur: 5 });
        recorded.ledger.checkpoint({ paid });
      }
      return await pay({ eur: 5 });
    },
    { agent: "payer" },
  );
  void agent();
  await expect.poll(() => asked.length).toBe(3);
  expect(paid).toBe(2);
  expect(await recorded.ledger.resume(asked[2]?.runId ?? "", agent)).toBe(3);
  const places = asked.map(({ place }) => place);
  expect(places[3]).toBe(places[2]);
  expect(new Set(places).size).toBe(3);
});

test("what an approved call gave is its result after a crash, without a key of its own; what nobody knows stays unknown over a second crash", async () => {
  const approver = { request: async () => ({ approved: true, by: "kim", reason: null }) };
  recorded = createRecordedLedger({ checkpointDir: directory, approver });
  let paid = 0;
  const pay = recorded.ledger.tool({
    name: "pay",
    input: { type: "object" },
    confirm: true,
    run: async ({ eur }: { eur?: number }) => (eur === 9 ? await new Promise<never>(() => {}) : ++paid),
  });
  const outcomes: unknown[] = [];
  const payer = (whole: boolean) =>
    recorded.ledger.wrap(
      async () => {
        recorded.ledger.resumedState() ?? recorded.ledger.checkpoint({});
        outcomes.push(recorded.ledger.runId());
        if (!whole) await new Promise(() => {});
        outcomes.push(await pay({ eur: 5 }));
        outcomes.push(await pay({ eur: 9 }).catch(({ code }) => code));
      },
      { agent: "payer" },
    );
  void payer(true)();
  await expect.poll(() => outcomes.length).toBe(2);
  const runId = String(outcomes[0]);
  const lines = async () => (await readFile(join(directory, `${runId}.checkpoint`), "utf8")).trim().split("\n").length;
  await expect.poll(lines).toBe(4); // the checkpoint, a call and its result, and a call
  void recorded.ledger.resume(runId, payer(false));
  expect(outcomes).toHaveLength(3);
  await recorded.ledger.resume(runId, payer(true));
  expect(outcomes).toEqual([runId, 1, runId, runId, 1, "outcome_unknown"]);
  expect(paid).toBe(1);
});

test.each(["redacted", "hashes"] as const)(
  "with content %s a run goes on from its sealed checkpoint, whole; with another key, or damaged, it says why not",
  async (content) => {
    const contentKey = "a key of sixteen characters or more";
    const settings = { checkpointDir: directory, content, contentKey };
    recorded = createRecordedLedger(settings);
    let asked = 0;
    const look = (of: RecordedLedger) =>
      of.ledger.tool({ name: "look", input: { type: "object" }, run: () => ({ mail: `mara${++asked}@example.com` }) });
    let runId = "";
    const tool = look(recorded);
    const importer = async () => {
      runId = recorded.ledger.runId() ?? "";
      recorded.ledger.checkpoint({ of: "kim@example.com" });
      await tool({ id: 7 }, { idempotencyKey: "k" });
      asked++;
      await new Promise(() => {});
    };
    void recorded.ledger.wrap(importer, { agent: "importer" })();
    await expect.poll(() => asked).toBe(2);
    const path = join(directory, `${runId}.checkpoint`);
    expect(await readFile(path, "utf8")).not.toMatch(/example|"v"/);
    expect(JSON.stringify((await recorded.records()).map(({ attributes }) => attributes))).not.toContain("example.com");

    const other = createRecordedLedger({ ...settings, contentKey: "another key of sixteen characters" });
    expect(() => other.ledger.resume(runId, () => 1)).toThrow(/sealed with another content key/);
    const next = createRecordedLedger(settings);
    const again = look(next);
    const agent = next.ledger.wrap(
      async () => [next.ledger.resumedState(), await again({ id: 7 }, { idempotencyKey: "k" })],
      { agent: "importer" },
    );
    expect(await next.ledger.resume(runId, agent)).toEqual([{ of: "kim@example.com" }, { mail: "mara1@example.com" }]);
    await Promise.all([other.ledger.shutdown(), next.ledger.shutdown()]);
  },
);

test("a checkpoint on disk that is damaged says so", async () => {
  const { runId } = await abandoned();
  await writeFile(join(directory, `${runId}.checkpoint`), '{"v":1,');
  expect(() => recorded.ledger.resume(runId, () => 1)).toThrow(/checkpoint of run .* can't be read: it is damaged/);
});

test("only the agent that began the run goes on with it, and once", async () => {
  const { runId } = await abandoned();
  const other = recorded.ledger.wrap(() => recorded.ledger.runId(), { agent: "other" });
  const importer = recorded.ledger.wrap(() => recorded.ledger.runId(), { agent: "importer" });
  const [first, second, third] = recorded.ledger.resume(runId, () => [other(), importer(), importer()]);
  expect(first).not.toBe(runId);
  expect(second).toBe(runId);
  expect(third).not.toBe(runId);
});

test("what can't be gone on from says why", async () => {
  const { resume } = recorded.ledger;
  expect(() => resume("ab".repeat(16), () => 1)).toThrow(/no checkpoint of run abab/);
  expect(() => resume("../../etc/passwd", () => 1)).toThrow(/no checkpoint/);
  expect(() => resume({ v: 2 } as unknown as Checkpoint, () => 1)).toThrow(/no checkpoint/);
});

test("a run is not gone on with while another process of the machine is at it", async () => {
  const { runId } = await abandoned();
  const path = join(directory, `${runId}.progress`);
  const progress = JSON.parse(await readFile(path, "utf8"));
  expect(progress).toMatchObject({ pid: process.pid, records: 2 });
  await writeFile(path, JSON.stringify({ ...progress, pid: process.ppid }));
  expect(() => recorded.ledger.resume(runId, () => 1)).toThrow(`process ${process.ppid} is at it`);
  await writeFile(path, JSON.stringify({ ...progress, pid: 2 ** 22 - 1 })); // nobody's
  expect(recorded.ledger.resume(runId, () => 1)).toBe(1);
});

test("a state that is no JSON is our failure, not the agent's", async () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  await recorded.ledger.wrap(async () => expect(recorded.ledger.checkpoint(circular)).toBeUndefined(), {
    agent: "a",
  })();
  expect(recorded.ledger.checkpoint({})).toBeUndefined();
  expect(recorded.ledger.stats().failures).toMatchObject({ record: 1, outside_run: 1 });
  expect(await seqs()).toEqual([0, 1]);
});

function startPayer(server: OtlpServer, ...args: string[]) {
  const script = fileURLToPath(new URL("../testing/resumable-agent.ts", import.meta.url));
  const child = spawn(process.execPath, [script, ...args], {
    env: {
      ...process.env,
      RUNLEDGER_ENDPOINT: `http://127.0.0.1:${server.port}`,
      RUNLEDGER_CHECKPOINT_DIR: directory,
      RUNLEDGER_CONTROL_URL: "http://127.0.0.1:9",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout?.on("data", (data) => {
    output += data;
  });
  return new Promise<string[]>((resolve) => child.once("close", () => resolve(output.trim().split("\n"))));
}

test("a process killed in the middle of a payment: what was paid is not paid again, and what nobody knows is said to be unknown", async () => {
  const server = await startOtlpServer();
  const died = await startPayer(server);
  expect(died.slice(1)).toEqual([
    'paying {"invoice":1}',
    "1: paid",
    'paying {"invoice":2}',
    "2: paid",
    'paying {"invoice":3}',
  ]);
  const runId = died[0]?.split(" ")[1] ?? "";
  const resumed = await startPayer(server, runId);
  expect(resumed.slice(0, -1)).toEqual([`run ${runId} from 1`, "1: paid", "2: paid", "3: outcome_unknown"]);
  const wire = Buffer.concat(server.requests).toString("latin1");
  expect(wire.split("run_start")).toHaveLength(2);
  expect(wire.split("run_end")).toHaveLength(2);
  server.close();
});
