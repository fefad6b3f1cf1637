import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunDetail } from "@runledger/contract";
import { expect, it } from "vitest";
import { eventually, getJson, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, tracesRequest } from "../support/spans.ts";
import { readTar } from "../tamper/bundle-tar.ts";

/** Three starts and two rebuilds, on a busy machine. */
const START_AND_REBUILD_MS = 300_000;

it(
  "prices by a file of one's own, again by another, and by the log's prices once more",
  async () => {
    const home = await temporaryDir("prices");
    const dataDir = join(home.dir, "data");
    const pricesFile = async (version: string, input: number) => {
      const path = join(home.dir, `${version}.json`);
      await writeFile(path, JSON.stringify({ name: "ours", version, models: [{ model: "gpt-4o", input, output: 0 }] }));
      return path;
    };
    const first = await pricesFile("first", 10);
    const second = await pricesFile("second", 20);
    const traceId = newTraceId();

    /** Starts it, lets `act` speak to it, and tells the cost that it shows for the run. */
    const costShown = async (act: (httpUrl: string) => Promise<void> = async () => undefined) => {
      const product = await startProduct(dataDir, { RUNLEDGER_PRICES: first });
      try {
        await act(product.httpUrl);
        const run = await eventually(
          () => getJson<RunDetail>(`${product.apiUrl}/v1/runs/${traceId}`).catch(() => null),
          (found) => found !== null,
        );
        return run?.cost_usd;
      } finally {
        await product.stop();
      }
    };

    const cost = await costShown(async (httpUrl) => {
      const answer = await fetch(`${httpUrl}/v1/traces`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(tracesRequest([modelCall(traceId)])),
      });
      expect(answer.status).toBe(200);
    });
    expect(Number(cost)).toBe(0.001);
    expect((await runledger(["rebuild", "--data-dir", dataDir, "--reprice", "--prices", second])).code).toBe(0);
    expect(Number(await costShown())).toBe(0.002);
    const policy = join(home.dir, "policy");
    await writeFile(policy, (await runledger(["policy", "--data-dir", dataDir])).stdout);
    expect((await runledger(["verify", dataDir, "--policy", policy])).stdout).toMatch(/^VERIFIED/);
    const bundle = join(home.dir, "bundle.tar");
    const asked = ["--data-dir", dataDir, "--recipient", "auditor", "--reason", "test", "--output", bundle];
    const exported = await runledger(["export", ...asked]);
    expect(exported.code, exported.stderr).toBe(0);
    const policies = readTar(await readFile(bundle)).find(([path]) => path === "policies.json")?.[1];
    expect(JSON.parse(String(policies))).toMatchObject({
      ...{ alert_rules: expect.any(Array), legal_holds: 0 },
      settings: { "0": expect.objectContaining({ encryption: expect.anything() }) },
    });
    expect(JSON.parse(String(policies)).price_tables).toEqual([
      { name: "ours", version: "first", models: [{ model: "gpt-4o", input: 10, output: 0 }] },
    ]);
    expect((await runledger(["verify", bundle, "--policy", policy])).stdout).toMatch(/^VERIFIED/);
    expect((await runledger(["rebuild", "--data-dir", dataDir])).code).toBe(0);
    expect(Number(await costShown())).toBe(0.001);
    await home.remove();
  },
  START_AND_REBUILD_MS,
);

it("does not start with a file of prices that is wrong, and names every fault", async () => {
  const home = await temporaryDir("prices");
  const path = join(home.dir, "prices.json");
  await writeFile(path, JSON.stringify({ name: "ours", models: [{ model: "a", input: "1" }, { input: 1 }] }));
  const dataDir = join(home.dir, "data");
  const { code, stderr } = await runledger(["up", "--data-dir", dataDir, "--prices", path]);
  expect(code).toBe(1);
  expect(stderr).toContain("models[0].input");
  expect(stderr).toContain("models[1]: give one of model, model_prefix and model_pattern");
  expect(existsSync(dataDir)).toBe(false);
  const missing = await runledger(["rebuild", "--data-dir", dataDir, "--prices", join(home.dir, "none.json")]);
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("ENOENT")]);
  await home.remove();
});
