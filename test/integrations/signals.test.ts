import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RunDetail, StepDetail, StepList } from "@runledger/contract";
import { beforeAll, describe, expect, test } from "vitest";
import { bareEnvironment, eventually, getJson } from "../support/product.ts";
import { findProduct } from "./run-scenario.ts";

const SCENARIO = fileURLToPath(new URL("./signals/exporters.mjs", import.meta.url));

let product: Awaited<ReturnType<typeof findProduct>>;
beforeAll(async () => {
  product = await findProduct();
});

async function send(environment: Record<string, string>): Promise<{ traceId: string; spanId: string; said: string }> {
  const endpoint = environment["PROTOCOL"] === "grpc" ? product.grpcUrl : product.httpUrl;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [SCENARIO], {
    env: { ...bareEnvironment(), ENDPOINT: endpoint, ...environment },
  });
  return { ...JSON.parse(stdout.trim().split("\n").at(-1) ?? ""), said: stdout + stderr };
}

const MESSAGES = [
  { role: "user", parts: [{ type: "text", content: "yes" }] },
  { role: "user", parts: [{ type: "text", content: "yes" }] },
  { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "9007199254740993" }] },
];

describe.each([
  ["grpc", "gzip", "first", "messages"],
  ["grpc", "none", "last", "details"],
  ["proto", "gzip", "last", "messages"],
  ["proto", "none", "first", "details"],
  ["json", "gzip", "first", "messages"],
  ["json", "none", "last", "details"],
])("OpenTelemetry's exporters over %s (%s), logs %s, as %s", (protocol, compression, logs, events) => {
  let sent: Awaited<ReturnType<typeof send>>;
  let step: StepDetail;

  beforeAll(async () => {
    sent = await send({ PROTOCOL: protocol, COMPRESSION: compression, LOGS: logs, EVENTS: events });
    const path = `${product.apiUrl}/v1/runs/${sent.traceId}/steps/${sent.spanId}`;
    step = await eventually(
      () => getJson<StepDetail>(path).catch(() => null),
      (found) => found?.content === "available" && found.llm?.response !== null && found.events.length > 0,
    ).then((found) => found as StepDetail);
  });

  test("show the call's content with its step, all of it and in its order", () => {
    expect(step.llm).toMatchObject({
      system_prompt: [{ type: "text", content: "Be kind." }],
      messages: MESSAGES,
      response: [{ role: "assistant", parts: [{ type: "text", content: "Fine. 🙂" }], finish_reason: "stop" }],
      finish_reasons: ["stop"],
      input_tokens: 12,
      tool_definitions: events === "details" ? [{ type: "function", name: "add" }] : null,
    });
    expect([step.input_preview, step.output_preview]).toEqual(["9007199254740993", "Fine. 🙂"]);
  });

  test("show its evaluation among its events", () => {
    expect(step.events).toMatchObject([
      {
        name: "gen_ai.evaluation.result",
        attributes: { "gen_ai.evaluation.name": "kindness", "gen_ai.evaluation.score.value": 0.5 },
      },
    ]);
  });

  test("count the call's tokens once, and one step", async () => {
    const path = `${product.apiUrl}/v1/runs/${sent.traceId}`;
    expect(await getJson<RunDetail>(path)).toMatchObject({
      steps: 1,
      llm_calls: 1,
      input_tokens: 12,
      output_tokens: 3,
    });
    const { items } = await getJson<StepList>(`${path}/steps`);
    expect(items).toMatchObject([{ output_preview: "Fine. 🙂", llm: { finish_reasons: ["stop"] } }]);
    expect(items[0]?.llm?.system_prompt_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test("are told what was not taken, and why", () => {
    expect(sent.said).toContain("not_of_a_run");
    expect(sent.said).toContain("not_gen_ai");
  });
});
