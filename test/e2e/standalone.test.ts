import { once } from "node:events";
import { join } from "node:path";
import type { RunDetail, RunList, StepList } from "@runledger/contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  eventually,
  getJson,
  launchProduct,
  type Product,
  runledger,
  startProduct,
  temporaryDir,
} from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;

beforeAll(async () => {
  home = await temporaryDir("standalone");
  product = await startProduct(home.dir);
});

afterAll(async () => {
  await product.stop();
  await home.remove();
});

const run = (runId: string) => getJson<RunDetail>(`${product.apiUrl}/v1/runs/${runId}`);
const policy = async () => {
  const { stdout } = await runledger(["policy", "--data-dir", home.dir]);
  const key = /^log (\S+)/m.exec(stdout)?.[1];
  if (key === undefined) throw new Error(`no log line in: ${stdout}`);
  return key;
};

/** Its exit code when SIGTERM comes while it starts ClickHouse. */
async function stoppedWhileStarting(dataDir: string): Promise<number | null> {
  const child = launchProduct(dataDir);
  const exited = once(child, "exit");
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (text.includes("starting ClickHouse")) child.kill("SIGTERM");
  });
  child.stdout.resume();
  await exited;
  return child.exitCode;
}

describe("the standalone", () => {
  it("shows a run whose spans came as OTLP/JSON, with tokens, cost and steps in order", async () => {
    const traceId = newTraceId();
    const spans = [modelCall(traceId), modelCall(traceId, { "gen_ai.usage.input_tokens": 50 })];
    expect((await postSpans(product.httpUrl, spans)).status).toBe(200);
    const seen = await eventually(
      () => getJson<RunList>(`${product.apiUrl}/v1/runs`),
      (list) => list.items.some((item) => item.run_id === traceId && item.steps === 2),
    );
    const found = seen.items.find((item) => item.run_id === traceId);
    expect(found).toMatchObject({
      status: "running",
      llm_calls: 2,
      input_tokens: 150,
      output_tokens: 20,
      usage_missing: 0,
    });
    expect(found?.cost_usd).toBe("0.000575"); // 150 × 2.5 + 20 × 10 USD a million
    const steps = await getJson<StepList>(`${product.apiUrl}/v1/runs/${traceId}/steps`);
    expect(steps.items.map((step) => [step.seq, step.kind])).toEqual([
      [1, "llm"],
      [2, "llm"],
    ]);
  });

  it("counts a span once, however often and in whatever batch it comes", async () => {
    const traceId = newTraceId();
    const [a, b, c] = [modelCall(traceId), modelCall(traceId), modelCall(traceId)];
    await Promise.all([
      postSpans(product.httpUrl, [a, b]),
      postSpans(product.httpUrl, [b, c]),
      postSpans(product.httpUrl, [a, b, c]),
    ]);
    await eventually(
      () => run(traceId).catch(() => null),
      (seen) => seen?.steps === 3,
    );
    await postSpans(product.httpUrl, [c, a]);
    await postSpans(product.httpUrl, [modelCall(traceId)]);
    const seen = await eventually(
      () => run(traceId),
      (now) => now.steps >= 4,
    );
    expect(seen).toMatchObject({ steps: 4, input_tokens: 400, conflicts: 0 });
  });

  it("verifies, on disk and over HTTP, for who trusts its key, and not for who trusts another", async () => {
    const trusted = await policy();
    for (const target of [home.dir, product.apiUrl]) {
      const verified = await runledger(["verify", target, "--key", trusted, "--json"]);
      expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "VERIFIED" });
      expect(verified.code).toBe(0);
      expect((await runledger(["verify", target])).code).toBe(3);
    }
  });

  it("answers questions in the terminal", async () => {
    const { stdout, code } = await runledger(["runs", "--api", product.apiUrl]);
    expect(code).toBe(0);
    expect(stdout).toContain("running");
    const nobody = await runledger(["runs", "--api", "http://127.0.0.1:1"]);
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("Nothing answers at http://127.0.0.1:1")]);
  });

  it("refuses a second one on the same data, naming the way out", async () => {
    await expect(startProduct(home.dir)).rejects.toThrow(/in use by process \d+.*RUNLEDGER_DATA_DIR/s);
  });

  it("stops cleanly on SIGTERM, while it starts too, and has everything after a start, also after kill -9", async () => {
    const traceId = newTraceId();
    await postSpans(product.httpUrl, [modelCall(traceId)]);
    expect(await product.stop()).toBe(0);
    expect(await stoppedWhileStarting(home.dir)).toBe(0);
    product = await startProduct(home.dir);
    await eventually(
      () => run(traceId).catch(() => null),
      (seen) => seen?.steps === 1,
    );
    await postSpans(product.httpUrl, [modelCall(traceId)]);
    await product.kill();
    product = await startProduct(home.dir);
    await eventually(
      () => run(traceId).catch(() => null),
      (seen) => seen?.steps === 2,
    );
    expect((await runledger(["verify", home.dir, "--key", await policy()])).code).toBe(0);
  });
});

describe("bad settings", () => {
  it("stop the start with all of them listed", async () => {
    const result = await runledger(["up", "--grpc-port", "99999", "--log-level", "loud", "--data-dir", home.dir]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/RUNLEDGER_OTLP_GRPC_PORT=99999.*RUNLEDGER_LOG_LEVEL=loud/s);
  });

  it("refuse a public address without a key", async () => {
    const result = await runledger(["up", "--host", "0.0.0.0", "--data-dir", join(home.dir, "public")]);
    expect([result.code, result.stderr]).toEqual([
      1,
      expect.stringContaining("there is no key, so OTLP is taken on loopback only"),
    ]);
  });
});
