import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RunDetail, RunList, StoreVerification } from "@runledger/contract";
import { createRunledger } from "@runledger/sdk";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type OtlpWire, startOtlpWire, wireAttribute } from "../support/otlp-wire.ts";
import {
  bareEnvironment,
  eventually,
  getJson,
  type Product,
  runledger,
  startProduct,
  temporaryDir,
} from "../support/product.ts";

const AGENT = fileURLToPath(new URL("../support/resuming-agent.ts", import.meta.url));

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;

beforeAll(async () => {
  home = await temporaryDir("completeness");
  product = await startProduct(home.dir);
});
afterAll(async () => {
  await product.stop();
  await home.remove();
});

/** What `runledger verify` says of the data directory. */
async function verified(): Promise<StoreVerification> {
  const { stdout: policy } = await runledger(["policy", "--data-dir", home.dir]);
  const key = /^log (\S+)/m.exec(policy)?.[1] ?? "";
  const { stdout } = await runledger(["verify", home.dir, "--key", key, "--json"]);
  return JSON.parse(stdout) as StoreVerification;
}

/** An agent of four decisions over this wire: six records. */
async function runOver(wire: OtlpWire, agent: string): Promise<string> {
  const settings = { endpoint: wire.url, control: "off", spoolDir: "off", checkpointDir: "off" } as const;
  const ledger = createRunledger({ ...settings, log: () => {} }, { environment: {} });
  let runId = "";
  const run = ledger.wrap(
    async () => {
      runId = ledger.runId() ?? "";
      for (const name of ["first", "second", "third", "fourth"]) ledger.decision({ name, choice: "yes" });
    },
    { agent },
  );
  await run();
  expect(await ledger.flush()).toBe(true);
  await ledger.shutdown();
  return runId;
}

const runOf = (id: string) => getJson<RunDetail>(`${product.apiUrl}/v1/runs/${id}`);
const settled = (agent: string, records: number) =>
  eventually(
    () => getJson<RunList>(`${product.apiUrl}/v1/runs?agent=${agent}`),
    ({ items }) => items[0]?.records === records,
    60_000,
  );

it("every single record that the wire loses is named, by the API and by verify; the others are whole", async () => {
  const wholeWire = await startOtlpWire(product.grpcUrl, (span) => span);
  const whole = await runOver(wholeWire, "whole");
  await settled("whole", 6);
  expect(await runOf(whole)).toMatchObject({ complete: true, numbered: true, gaps: [] });
  await wholeWire.close();
  const lost = new Map<string, number>();
  for (const number of [0, 1, 2, 3, 4]) {
    const wire = await startOtlpWire(product.grpcUrl, (span, at) => (at === number ? null : span));
    lost.set(await runOver(wire, `lost-${number}`), number);
    await settled(`lost-${number}`, 5);
    await wire.close();
  }
  for (const [id, number] of lost)
    expect(await runOf(id)).toMatchObject({
      complete: false,
      gaps: [{ kind: "missing", first: number, last: number }],
    });
  const { verdict, runs, findings } = await verified();
  expect(verdict).toBe("INCOMPLETE");
  expect(runs).toMatchObject({ whole: 1, broken: 5 });
  for (const [id, number] of lost)
    expect(findings.find(({ where }) => where === `run ${id}`)?.what).toMatch(`records ${number} of 6 never arrived`);
}, 240_000);

it("a record that was changed on the wire breaks the chain", async () => {
  const wire = await startOtlpWire(product.grpcUrl, (span, number) =>
    number === 2
      ? {
          ...span,
          attributes: span.attributes.map((one) =>
            one.key === "runledger.decision.choice" ? { ...one, value: { stringValue: "no" } } : one,
          ),
        }
      : span,
  );
  const id = await runOver(wire, "changed");
  await settled("changed", 6);
  await wire.close();
  const { findings } = await verified();
  expect(findings.find(({ where }) => where === `run ${id}`)?.what).toBe(
    "record 3 does not name record 2 as the one before it",
  );
}, 120_000);

it("kill -9 leaves a run open; resumed it goes on with numbers and chain, and what was never sent is named", async () => {
  const wire = await startOtlpWire(product.grpcUrl, (span) => span);
  const checkpoints = `${home.dir}/agent`;
  const first = startAgent(wire.url, checkpoints);
  const id = await line(first, /^run (\w+)$/);
  await line(first, /^sent$/);
  first.kill("SIGKILL");
  await settled("resuming", 3);
  const open = await verified();
  expect(open.runs.unclosed).toEqual([expect.objectContaining({ run_id: id, state: "still_running", records: 3 })]);
  expect(open.findings.some(({ where }) => where === `run ${id}`)).toBe(false);
  const second = startAgent(wire.url, checkpoints, id);
  await line(second, /^done$/);
  await new Promise((resolve) => second.once("exit", resolve));
  await eventually(
    () => getJson<RunList>(`${product.apiUrl}/v1/runs?agent=resuming`),
    ({ items }) => items[0]?.status === "completed",
    60_000,
  );
  const { findings } = await verified();
  // The dead process had numbered record 3 and not sent it.
  const found = findings.filter(({ where }) => where === `run ${id}`).map(({ what }) => what);
  expect(found).toEqual([
    expect.stringMatching(/^records 3 of \d+ never arrived.*a process died before it had sent all/),
  ]);
  await wire.close();
}, 240_000);

function startAgent(endpoint: string, checkpoints: string, runId?: string): ChildProcess {
  const env = { ...bareEnvironment(), RUNLEDGER_ENDPOINT: endpoint, RUNLEDGER_CHECKPOINT_DIR: checkpoints };
  const args = runId === undefined ? [AGENT] : [AGENT, runId];
  return spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
}

/** The first line that it says which is like this; its group, or all of it. */
function line(agent: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    if (agent.stdout === null) return reject(new Error("no output"));
    createInterface({ input: agent.stdout }).on("line", (text) => {
      const found = pattern.exec(text);
      if (found) resolve(found[1] ?? text);
    });
    agent.once("exit", (code) => reject(new Error(`it ended with ${code} and did not say ${pattern}`)));
  });
}

it("the wire tells numbers as the SDK gives them", async () => {
  const numbers: unknown[] = [];
  const wire = await startOtlpWire(product.grpcUrl, (span) => {
    numbers.push([wireAttribute(span, "runledger.run.seq"), wireAttribute(span, "runledger.run.prev") !== undefined]);
    return span;
  });
  await runOver(wire, "numbers");
  await wire.close();
  expect(numbers).toEqual([0, 1, 2, 3, 4, 5].map((number) => [number, number > 0]));
});
