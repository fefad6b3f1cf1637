import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RunList, StepDetail, StepList } from "@runledger/contract";
import { type FakeModel, startFakeModel } from "runledger";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, getJson, type Product, startProduct, temporaryDir } from "../support/product.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/first-agent.ts", import.meta.url));
const ANSWER = "Everything the agent saw and did.";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;
let model: FakeModel;

beforeAll(async () => {
  home = await temporaryDir("first-agent");
  product = await startProduct(home.dir);
  model = await startFakeModel({ default: () => ({ content: ANSWER, usage: { prompt: 15, completion: 8 } }) });
});

afterAll(async () => {
  await model.close();
  await product.stop();
  await home.remove();
});

it("records the README's first agent: what went in, what came out, as the bytes came", async () => {
  const environment = {
    ...process.env,
    RUNLEDGER_ENDPOINT: product.grpcUrl,
    OPENAI_BASE_URL: model.baseUrl,
    OPENAI_API_KEY: "none",
  };
  const { stdout } = await promisify(execFile)(process.execPath, [EXAMPLE], { env: environment });
  expect(stdout.trim()).toBe(ANSWER);
  const { items } = await eventually(
    () => getJson<RunList>(`${product.apiUrl}/v1/runs?agent=first-agent`),
    (list) => list.items[0]?.status === "completed",
  );
  const run = items[0];
  expect(run).toMatchObject({
    agent: { name: "first-agent", version: "1.0.0" },
    dialect: "runledger",
    llm_calls: 1,
    complete: true,
  });
  const steps = await getJson<StepList>(`${product.apiUrl}/v1/runs/${run?.run_id}/steps`);
  const detail = await eventually(
    () => getJson<StepDetail>(`${product.apiUrl}/v1/runs/${run?.run_id}/steps/${steps.items[0]?.step_id}`),
    (step) => step.content === "available",
  );
  expect(detail.llm?.messages).toEqual([
    { role: "user", parts: [{ type: "text", content: "What does a flight recorder record?" }] },
  ]);
  expect(JSON.stringify(detail.llm?.response)).toContain(ANSWER);
  expect(JSON.parse(detail.llm?.raw_response ?? "null")).toMatchObject({ object: "chat.completion" });
});
