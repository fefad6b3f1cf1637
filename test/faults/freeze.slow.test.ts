import type { Kill, Run } from "@runledger/contract";
import { type FakeModel, startFakeModel } from "runledger";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AgentProcess, startAgent } from "../support/agent-process.ts";
import { eventually, getJson, type Product, startProduct, temporaryDir } from "../support/product.ts";

// SIGSTOP and SIGCONT a minute later: a laptop that slept, a machine that was moved. Nothing is told to the process.

const FROZEN_MS = 60_000;
const SLACK_MS = 10_000;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;
let model: FakeModel;
let asked = 0;
const agents: AgentProcess[] = [];
beforeAll(async () => {
  home = await temporaryDir("freeze");
  product = await startProduct(home.dir);
  model = await startFakeModel({
    default: () => {
      asked++;
      return { content: "again", usage: { prompt: 10, completion: 2 } };
    },
  });
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await model.close();
  await product.stop();
  await home.remove();
});

async function looping(name: string): Promise<AgentProcess> {
  const { grpcUrl, apiUrl } = product;
  const environment = { RUNLEDGER_ENDPOINT: grpcUrl, RUNLEDGER_CONTROL_URL: apiUrl, OPENAI_BASE_URL: model.baseUrl };
  const agent = startAgent({ ...environment, AGENT: name });
  agents.push(agent);
  await agent.fact("looping");
  return agent;
}
async function kill(agent: string): Promise<Kill> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ scope: { agent }, reason: "enough" });
  const response = await fetch(`${product.apiUrl}/v1/kill`, { method: "POST", headers, body });
  expect(response.status).toBe(201);
  return (await response.json()) as Kill;
}
const runOf = async (name: string) =>
  (await getJson<{ items: Run[] }>(`${product.apiUrl}/v1/runs?agent=${name}`)).items[0];
/** The end of a run of which every record has arrived. */
const whole = (name: string) =>
  eventually(
    () => runOf(name),
    (run) => run?.status === "killed" && run.complete === true,
    60_000,
  );

it("an agent that was frozen for a minute goes on and is whole; one that was killed meanwhile makes no further call", async () => {
  const [goesOn, killed] = [await looping("goes-on"), await looping("killed")];
  for (const name of ["goes-on", "killed"])
    await eventually(
      () => runOf(name),
      (run) => run?.status === "running",
    );
  for (const { process } of [goesOn, killed]) process.kill("SIGSTOP");
  await wait(1_000);
  const askedBefore = asked;
  await kill("killed");
  await wait(FROZEN_MS);
  expect(asked).toBe(askedBefore);
  const statuses = [await runOf("goes-on"), await runOf("killed")].map((run) => run?.status);
  const thawedMs = Date.now();
  for (const { process } of [goesOn, killed]) process.kill("SIGCONT");
  const refused = await killed.fact("refused");
  expect(refused.message).toContain("enough");
  expect(refused.atMs - thawedMs).toBeLessThan(SLACK_MS);
  await whole("killed");
  await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(askedBefore + 10);
  await kill("goes-on");
  await goesOn.fact("refused");
  const run = await whole("goes-on");
  const figures = { whileFrozen: statuses, refusedMs: refused.atMs - thawedMs, steps: run?.steps };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
});

it("a product that was frozen for a minute has every record of the agents that went on meanwhile, and reaches them again", async () => {
  const agent = await looping("outlives");
  product.process.kill("SIGSTOP");
  const askedBefore = asked;
  await wait(FROZEN_MS);
  expect(asked - askedBefore).toBeGreaterThan(100);
  const thawedMs = Date.now();
  product.process.kill("SIGCONT");
  await kill("outlives");
  const refused = await agent.fact("refused");
  expect(refused.atMs - thawedMs).toBeLessThan(2 * SLACK_MS);
  const run = await whole("outlives");
  const calls = { frozen: asked - askedBefore, recorded: run?.llm_calls ?? 0 };
  expect(calls.recorded).toBeGreaterThanOrEqual(calls.frozen);
  process.stdout.write(`${JSON.stringify({ refusedMs: refused.atMs - thawedMs, calls })}\n`);
});
