import type { RunList, StepDetail, StepList } from "@runledger/contract";
import { type StrictS3, startStrictS3 } from "@runledger/storage/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, getJson, type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

const credentials = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "testtest" };
let home: Awaited<ReturnType<typeof temporaryDir>>;
let s3: StrictS3;
let product: Product;
let location: string;

beforeAll(async () => {
  home = await temporaryDir("s3");
  s3 = await startStrictS3({ bucket: "evidence" });
  location = `s3://evidence/ledger?endpoint=${encodeURIComponent(s3.endpoint)}&lock=compliance&mutable=evidence/changing`;
  product = await startProduct(home.dir, { RUNLEDGER_OBJECTS: location, ...credentials });
});

afterAll(async () => {
  await product.stop();
  await s3.close();
  await home.remove();
});

const verify = async () => {
  const { stdout } = await runledger(["policy", "--data-dir", home.dir]);
  const key = /^log (\S+)/m.exec(stdout)?.[1] ?? "";
  return await runledger(["verify", location, "--key", key, "--json"], credentials);
};

it("keeps the audit log in S3, through failures of the store, and proves it from there", async () => {
  let puts = 0;
  // Every third write meets one of the five ways to fail.
  const FAULTS = ["lost", "answer_lost", "done_but_failed", "slow_down", "late"] as const;
  s3.faults = ({ method }) => {
    if (method !== "PUT") return null;
    puts += 1;
    return puts % 3 === 0 ? (FAULTS[(puts / 3) % FAULTS.length] ?? null) : null;
  };
  const traceId = newTraceId();
  const said = { "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hello"}]}]' };
  for (let at = 0; at < 20; at += 1) {
    const sent = await postSpans(product.httpUrl, [modelCall(traceId), modelCall(traceId, said)]);
    expect(sent.status).toBe(200);
  }
  await eventually(
    () => getJson<RunList>(`${product.apiUrl}/v1/runs`),
    (list) => list.items.some((item) => item.run_id === traceId && item.steps === 40),
  );
  const { items } = await getJson<StepList>(`${product.apiUrl}/v1/runs/${traceId}/steps`);
  const last = items.at(-1);
  await eventually(
    () => getJson<StepDetail>(`${product.apiUrl}/v1/runs/${traceId}/steps/${last?.step_id}`),
    (step) => step.content !== "pending",
  );
  s3.deliverLate();
  s3.faults = () => null;
  const { stdout, code } = await verify();
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "VERIFIED", findingsTotal: 0 });
  expect(code).toBe(0);
});

it("locks packs until the contents of their month are over, and the log's files by the location", async () => {
  const lockEnd = (under: string) => {
    const line = s3.requests.find((request) => request.startsWith(`PUT ledger/${under}`)) ?? "";
    return Date.parse(s3.versionsOf(line.slice("PUT ".length))[0]?.retainUntil ?? "");
  };
  const [day, now] = [86_400_000, new Date()];
  const monthEnds = [0, 1].map((more) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + more));
  expect(monthEnds.map((end) => end + 402 * day)).toContain(lockEnd("payloads/"));
  expect((lockEnd("log/0/checkpoints/") - now.getTime()) / day).toBeCloseTo(433, 1);
});

it("shows what somebody put over evidence, and proves what was there before", async () => {
  const evidence = [...new Set(s3.requests.filter((line) => line.startsWith("PUT ledger/log/")))];
  const key = evidence[0]?.slice("PUT ".length) ?? "";
  s3.overwrite(key, Buffer.from("forged"));
  s3.overwrite(evidence[1]?.slice("PUT ".length) ?? "", null);
  const { stdout, stderr, code } = await verify();
  const path = key.slice("ledger/".length);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: "VERIFIED" });
  expect(JSON.parse(stdout).notes).toContain(
    `Something was put over evidence; what was there first is read: path ${path}, newer 1.`,
  );
  expect(stderr).toContain(path);
  expect(code).toBe(0);
});
