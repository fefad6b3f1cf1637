import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parsePolicy } from "@runledger/contract";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;
beforeAll(async () => {
  home = await temporaryDir("ack");
  product = await startProduct(home.dir, { RUNLEDGER_ACK: "object" });
});
afterAll(async () => {
  await product.stop();
  await home.remove();
});

it("answers only what is in the store: kill -9 and a lost journal lose nothing of it, and requests share batches", async () => {
  let answered = 0;
  const began = performance.now();
  const sender = async (): Promise<void> => {
    for (let at = 0; at < 10; at++) {
      const { status } = await postSpans(product.httpUrl, [modelCall(newTraceId())]);
      if (status === 200) answered++;
    }
  };
  await Promise.all(Array.from({ length: 10 }, sender));
  const seconds = (performance.now() - began) / 1000;
  await product.kill();
  // The machine's disk is gone; the store is elsewhere.
  await rm(join(home.dir, "journal"), { recursive: true });
  await rm(join(home.dir, "clickhouse"), { recursive: true });
  product = await startProduct(home.dir, { RUNLEDGER_ACK: "object" });
  expect(await product.stop()).toBe(0);
  const { stdout: policy } = await runledger(["policy", "--data-dir", home.dir]);
  const keys = parsePolicy(policy).logs.flatMap((key) => ["--key", key]);
  const { stdout, code } = await runledger(["verify", home.dir, ...keys, "--json"]);
  const verification = JSON.parse(stdout);
  process.stdout.write(
    `ack object: ${answered} answered in ${seconds.toFixed(1)} s, ${verification.logs[0].checkpointsChecked} batches\n`,
  );
  expect({ code, findings: verification.findings }).toEqual({ code: 0, findings: [] });
  expect(answered).toBeGreaterThan(0);
  expect(verification.entriesChecked).toBeGreaterThanOrEqual(answered);
  expect(verification.logs[0].checkpointsChecked).toBeLessThan(answered);
  expect(verification.directory.shards).toEqual(["0"]);
});
