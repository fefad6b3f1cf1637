import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Approval, Kill, Run } from "@runledger/contract";
import { type FakeModel, startFakeModel } from "runledger";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AgentProcess, startAgent } from "../support/agent-process.ts";
import {
  bareEnvironment,
  eventually,
  getJson,
  type Product,
  runledger,
  startProduct,
  temporaryDir,
} from "../support/product.ts";

/** Asked for is 2 s; a machine that does other work at the same time may be slower. The figures are in docs/performance.md. */
const SLACK_MS = 10_000;
/** Programs are started one after the other. */
const LONG_MS = 150_000;

let home: Awaited<ReturnType<typeof temporaryDir>>;
let ports: Record<string, string>;
let product: Product;
let model: FakeModel;
const agents: Pick<AgentProcess, "stop">[] = [];

beforeAll(async () => {
  home = await temporaryDir("control");
  ports = { RUNLEDGER_API_PORT: await freePort(), RUNLEDGER_OTLP_GRPC_PORT: await freePort() };
  product = await startProduct(home.dir, ports);
  model = await startFakeModel({ default: () => ({ content: "again", usage: { prompt: 10, completion: 2 } }) });
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await model.close();
  await product.stop();
  await home.remove();
});

function agent(name: string, environment: Record<string, string> = {}): AgentProcess {
  const started = startAgent({
    RUNLEDGER_ENDPOINT: product.grpcUrl,
    RUNLEDGER_CONTROL_URL: product.apiUrl,
    OPENAI_BASE_URL: model.baseUrl,
    AGENT: name,
    ...environment,
  });
  agents.push(started);
  return started;
}
const killed = (name: string) =>
  eventually(
    async () => (await getJson<{ items: Run[] }>(`${product.apiUrl}/v1/runs?agent=${name}`)).items[0],
    (run) => run?.status === "killed",
  );
const inForce = async () => (await getJson<{ items: Kill[] }>(`${product.apiUrl}/v1/kill`)).items;

it("kills a run in another process: its next call is refused, its run says who and why, and the log has the act", async () => {
  const looping = agent("by-run");
  const { runId } = await looping.fact("looping");
  const scope = { run_id: runId };
  const sentMs = Date.now();
  const response = await fetch(`${product.apiUrl}/v1/kill`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ scope, reason: "it loops" }),
  });
  expect(response.status).toBe(201);
  const refused = await looping.fact("refused");
  expect(refused).toMatchObject({
    name: "AgentStopped",
    message: "agent by-run stopped by killed: it loops (by loopback)",
  });
  expect(refused.atMs - sentMs).toBeLessThan(SLACK_MS);
  const run = await killed("by-run");
  expect(run).toMatchObject({ run_id: runId, reason: "killed: it loops (by loopback)", complete: true });
  const { kill_id } = (await response.json()) as Kill;
  const act = await eventually(
    async () => (await logText()).includes(`"action":"kill"`),
    (found) => found,
  );
  expect(act).toBe(true);
  expect(await logText()).toContain(kill_id);
});

it(
  "by command, keeps a kill over kill -9, refuses who starts meanwhile, and lets them run when it is lifted",
  async () => {
    const first = agent("by-name");
    await first.fact("looping");
    const api = { RUNLEDGER_CONTROL_URL: product.apiUrl };
    const killing = await runledger(["kill", "--agent", "by-name", "--reason", "too dear"], api);
    expect([killing.code, killing.stdout]).toEqual([0, expect.stringContaining("killed agent by-name: too dear")]);
    await first.fact("refused");
    await product.kill();
    product = await startProduct(home.dir, ports);
    expect((await inForce())[0]).toMatchObject({ scope: { agent: "by-name" }, reason: "too dear" });
    expect((await agent("by-name").fact("refused")).message).toContain("too dear");

    const listed = await runledger(["kill", "--list"], api);
    expect(listed.stdout).toContain("agent by-name");
    const kill = (await inForce()).find(({ scope }) => scope.agent === "by-name");
    expect((await runledger(["kill", "--lift", kill?.kill_id ?? "", "--reason", "fixed"], api)).code).toBe(0);
    const again = agent("by-name");
    await again.fact("looping");
    await again.stop();
  },
  LONG_MS,
);

it(
  "cut off from the API for longer than is borne, an agent stops or goes on, as its user chose; one that goes on is killed once the API is back",
  async () => {
    const lost = { RUNLEDGER_CONTROL_LOST_AFTER_MS: "1000" };
    const looping = agent("cut-off", lost);
    const careful = agent("careful", { ...lost, RUNLEDGER_ON_CONTROL_LOST: "stop" });
    await Promise.all([looping.fact("looping"), careful.fact("looping")]);
    await product.kill();
    const { name, message } = await careful.fact("refused");
    expect([name, message]).toEqual(["AgentStopped", expect.stringMatching(/^agent careful stopped by control lost/)]);
    expect(looping.facts.map(({ event }) => event)).toEqual(["started", "looping"]);
    product = await startProduct(home.dir, ports);
    const killing = await runledger(["kill", "--task-type", "looping", "--reason", "stop all"], {
      RUNLEDGER_CONTROL_URL: product.apiUrl,
    });
    expect(killing.code).toBe(0);
    expect((await looping.fact("refused")).message).toContain("stop all");
    await killed("cut-off");
  },
  LONG_MS,
);

/** Starts `asking-agent.ts`; `outcome` is its last line, once it has ended by itself. */
function askingAgent(environment: Record<string, string>) {
  const script = fileURLToPath(new URL("../support/asking-agent.ts", import.meta.url));
  const env = {
    ...bareEnvironment(),
    RUNLEDGER_ENDPOINT: product.grpcUrl,
    RUNLEDGER_CONTROL_URL: product.apiUrl,
    RUNLEDGER_CHECKPOINT_DIR: join(home.dir, "checkpoints"),
    PAID: join(home.dir, "paid"),
    ...environment,
  };
  const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = once(child, "close").then(() => output.trim());
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  agents.push({ stop: kill });
  return { kill, outcome: ended };
}

it(
  "keeps a request for approval over kill -9 of the agent: approved before or after it is back it is done once, and denied or out of time not at all",
  async () => {
    const kinds: Record<string, Record<string, string>> = {
      "approved-before": { KEY: "invoice-7" },
      "approved-after": {},
      denied: { KEY: "invoice-7" },
      late: { TIMEOUT_MS: "8000" },
    };
    const first = Object.entries(kinds).map(([name, more]) => ({ name, ...askingAgent({ AGENT: name, ...more }) }));
    const all = async () => (await getJson<{ items: Approval[] }>(`${product.apiUrl}/v1/approvals`)).items;
    await eventually(all, (items) => items.length === first.length, LONG_MS);
    for (const { kill } of first) await kill();
    const asked = new Map((await all()).map((one) => [one.agent, one]));
    const api = { RUNLEDGER_CONTROL_URL: product.apiUrl };
    const answer = async (word: string, name: string) =>
      expect((await runledger([word, asked.get(name)?.approval_id ?? "", "--reason", "seen"], api)).code).toBe(0);
    await answer("approve", "approved-before");
    await answer("deny", "denied");
    await eventually(all, (items) => items.some(({ status }) => status === "expired"));

    const runOf = (name: string) => asked.get(name)?.run_id ?? "";
    const again = Object.fromEntries(
      Object.entries(kinds).map(([name, more]) => [
        name,
        askingAgent({ AGENT: name, RUN_ID: runOf(name), ...more }).outcome,
      ]),
    );
    expect(await again["approved-before"]).toBe("paid");
    expect(await again["denied"]).toMatch(/^approval_denied: .*by loopback: seen/);
    expect(await again["late"]).toMatch(/^approval_denied: .*nobody answered in time/);
    await answer("approve", "approved-after");
    expect(await again["approved-after"]).toBe("paid");
    expect((await readFile(join(home.dir, "paid"), "utf8")).trim().split("\n").sort()).toEqual([
      "approved-after",
      "approved-before",
    ]);
    expect(await all()).toHaveLength(first.length); // asked again by the same id: nobody had to answer twice
    for (const [name, status] of Object.entries({ "approved-after": "completed", late: "failed" })) {
      const run = await eventually(
        // 404 before its first record is in ClickHouse
        () => getJson<Run>(`${product.apiUrl}/v1/runs/${runOf(name)}`).catch(() => null),
        (found) => found?.status === status,
      );
      expect(run?.run_id).toBe(runOf(name));
    }
  },
  LONG_MS,
);

async function logText(): Promise<string> {
  const dir = join(home.dir, "objects", "log", "0", "tile", "entries");
  const names = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  return (await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")))).join("");
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
