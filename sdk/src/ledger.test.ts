import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { createRunledger, type Ledger } from "./ledger.ts";
import { type OtlpServer, startOtlpServer } from "./testing/otlp-server.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function otlp(options: Parameters<typeof startOtlpServer>[0] = {}): Promise<OtlpServer> {
  const server = await startOtlpServer(options);
  open.push(server);
  return server;
}
function ledgerTo(port: number, settings: object = {}): Ledger {
  const ledger = createRunledger(
    { endpoint: `http://127.0.0.1:${port}`, log: () => {}, ...settings },
    { environment: {} },
  );
  open.push({ close: () => ledger.shutdown() });
  return ledger;
}
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const text = (server: OtlpServer) => Buffer.concat(server.requests).toString("latin1");
const count = (server: OtlpServer, word: string) => text(server).split(word).length - 1;

function startAgentProcess(
  mode: string,
  port: number,
  flushTimeoutMs = 5_000,
): { child: ChildProcess; output: () => string; exit: Promise<number | null> } {
  const child = spawn(process.execPath, [fileURLToPath(new URL("testing/agent-process.ts", import.meta.url)), mode], {
    env: {
      ...process.env,
      RUNLEDGER_ENDPOINT: `http://127.0.0.1:${port}`,
      RUNLEDGER_FLUSH_TIMEOUT_MS: `${flushTimeoutMs}`,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout?.on("data", (data) => {
    output += data;
  });
  return { child, output: () => output, exit: new Promise((resolve) => child.once("exit", resolve)) };
}

test("a run reaches a real OTLP/gRPC server, with the key", async () => {
  const server = await otlp();
  const ledger = ledgerTo(server.port, { apiKey: "secret" });
  await ledger.wrap(async () => "x", { agent: "somebody" })();
  expect(await ledger.flush()).toBe(true);
  expect(ledger.stats()).toMatchObject({ sent: 2, queued: 0 });
  expect(text(server)).toContain("run_start");
  expect(text(server)).toContain("run_end");
  expect(server.metadata[0]?.["authorization"]).toBe("Bearer secret");
});

test("nothing is lost when the collector is away for a while and comes back", async () => {
  const port = await freePort();
  const ledger = ledgerTo(port);
  const agent = ledger.wrap(async (_name: string) => "x", {
    agent: "patient",
    session: (name: string) => `session-${name}-`,
  });
  for (let i = 0; i < 10; i++) await agent(String(i));
  await wait(2_500);
  expect(ledger.stats()).toMatchObject({ sent: 0, queued: 20 });
  const server = await otlp({ port, refuseFirst: 1 });
  await expect.poll(() => ledger.stats().queued, { timeout: 20_000 }).toBe(0);
  expect(count(server, "run_end")).toBe(10);
  for (let i = 0; i < 10; i++) expect(count(server, `session-${i}-`)).toBe(2);
  expect(ledger.stats().failures).toMatchObject({ dropped: 0, rejected: 0 });
});

test("with no collector from start to end the agent does its work and the process ends in time", async () => {
  const begin = performance.now();
  const { output, exit } = startAgentProcess("ok", await freePort(), 1_000);
  expect(await exit).toBe(0);
  expect(output()).toBe("answer\n");
  expect(performance.now() - begin).toBeLessThan(20_000);
});

test("who waits for the shutdown goes on, with a collector and without", async () => {
  const server = await otlp();
  for (const port of [server.port, await freePort()]) {
    const { exit } = startAgentProcess("shutdown", port, port === server.port ? undefined : 1);
    expect(await exit).toBe(0);
  }
});

test("a process that just ends has delivered its run", async () => {
  const server = await otlp();
  const { exit } = startAgentProcess("ok", server.port);
  expect(await exit).toBe(0);
  expect(count(server, "run_end")).toBe(1);
  expect(text(server)).toContain("execute_tool look");
});

test("of a process killed in the middle the start and the steps until then are there", async () => {
  const server = await otlp();
  const { child, exit, output } = startAgentProcess("hang", server.port);
  await expect.poll(output, { timeout: 20_000 }).toBe("half way\n");
  await expect.poll(() => text(server), { timeout: 30_000 }).toContain("execute_tool look");
  child.kill("SIGKILL");
  await exit;
  expect(count(server, "run_start")).toBe(1);
  expect(text(server)).toContain("execute_tool look");
  expect(count(server, "run_end")).toBe(0);
});

test("bad settings stop the start, all of them named", () => {
  const start = () => createRunledger({ endpoint: "nonsense" }, { environment: { RUNLEDGER_HEARTBEAT_MS: "-1" } });
  expect(start).toThrow(/endpoint[\s\S]*heartbeatMs|heartbeatMs[\s\S]*endpoint/);
});
