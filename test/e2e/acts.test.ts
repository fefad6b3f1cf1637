import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CHECKPOINT_PATH,
  logPrefix,
  parseLogEntry,
  type RunledgerRecord,
  readEntries,
  type StepList,
  unverifiedCheckpoint,
} from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, getJson, type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;

beforeAll(async () => {
  home = await temporaryDir("acts");
  product = await startProduct(home.dir);
});
afterAll(async () => {
  await product.stop();
  await home.remove();
});

/** The records of the log on disk. */
async function logRecords(): Promise<RunledgerRecord[]> {
  const read = (path: string) => readFile(join(home.dir, "objects", logPrefix("0"), path)).catch(() => null);
  const note = await read(CHECKPOINT_PATH);
  if (note === null) return [];
  const { size } = unverifiedCheckpoint(note);
  const records: RunledgerRecord[] = [];
  for await (const { entry } of readEntries(read, 0, size, size)) records.push(parseLogEntry(entry));
  return records;
}

test("who reads a step's content is in the log that verifies, and no run comes of it", async () => {
  const traceId = newTraceId();
  await postSpans(product.httpUrl, [modelCall(traceId)]);
  const runUrl = `${product.apiUrl}/v1/runs/${traceId}`;
  const steps = await eventually(
    () => getJson<StepList>(`${runUrl}/steps`).catch(() => null),
    (list) => list?.items.length === 1,
  );
  const step = steps?.items[0];
  const url = `${runUrl}/steps/${step?.step_id}?reason=ticket%207`;
  await getJson(url);
  await getJson(url);
  const acts = await eventually(
    async () => (await logRecords()).filter(({ event }) => event === "act"),
    (found) => found.some(({ act }) => act?.target["record_id"] === step?.record_id),
  );
  const read = acts.filter(({ act }) => act?.reason === "ticket 7");
  expect(read).toHaveLength(1);
  expect(read[0]).toMatchObject({
    tenant: "default",
    run_id: "",
    act: {
      action: "content.read",
      actor: { key_id: null, name: "loopback", roles: expect.arrayContaining(["admin"]) },
      target: { run_id: traceId, step_id: step?.step_id },
    },
  });
  const runs = await getJson<{ items: { run_id: string }[] }>(`${product.apiUrl}/v1/runs`);
  expect(runs.items.map(({ run_id }) => run_id)).toEqual([traceId]);
  const { stdout } = await runledger(["policy", "--data-dir", home.dir]);
  const key = /^log (\S+)/m.exec(stdout)?.[1] ?? "";
  expect(JSON.parse((await runledger(["verify", home.dir, "--key", key, "--json"])).stdout)).toMatchObject({
    verdict: "VERIFIED",
  });
});

test("a span that says it is an act, sent by somebody else, is a step", async () => {
  const traceId = newTraceId();
  const forged = modelCall(traceId, {
    "runledger.event": "act",
    "runledger.act.action": createHash("sha256").update(traceId).digest("hex"),
  });
  await postSpans(product.httpUrl, [forged]);
  const found = await eventually(
    async () => (await logRecords()).find(({ trace_id }) => trace_id === traceId),
    (record) => record !== undefined,
  );
  expect(found).toMatchObject({ event: "step", run_id: traceId });
  expect(found?.act).toBeUndefined();
});
