import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Anthropic from "@anthropic-ai/sdk";
import type { ActList, RunList } from "@runledger/contract";
import { createRunledger, type Ledger, type RecordedRun } from "@runledger/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, getJson, type Product, startProduct, temporaryDir } from "../support/product.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;
let ledger: Ledger;
let models: Server;
let baseUrl: string;
let asked = 0;
let paid = 0;

beforeAll(async () => {
  home = await temporaryDir("replay");
  product = await startProduct(home.dir);
  models = createServer((request, response) => {
    let body = "";
    request.on("data", (bytes) => {
      body += bytes;
    });
    request.on("end", () => {
      asked++;
      answer(request.url ?? "", JSON.parse(body), response);
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => models.once("listening", resolve));
  baseUrl = `http://127.0.0.1:${(models.address() as AddressInfo).port}`;
  ledger = createRunledger(
    {
      endpoint: product.grpcUrl,
      controlUrl: product.apiUrl,
      spoolDir: "off",
      checkpointDir: "off",
      flushTimeoutMs: 30_000,
      log: () => {},
    },
    { environment: {} },
  );
});
afterAll(async () => {
  await ledger.shutdown();
  models.closeAllConnections();
  models.close();
  await product.stop();
  await home.remove();
});

type Body = { stream?: boolean; messages: { role: string }[] };
function answer(url: string, { stream, messages }: Body, response: import("node:http").ServerResponse): void {
  const json = (value: object) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
  if (url.endsWith("/messages")) {
    json({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude",
      content: [{ type: "text", text: "from claude" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 3, output_tokens: 2 },
    });
  } else if (stream) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const content of ["in ", "pieces"]) {
      response.write(
        `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta: { content } }] })}\n\n`,
      );
    }
    response.end("data: [DONE]\n\n");
  } else {
    const isFirst = messages.at(-1)?.role === "user";
    const call = { id: "call_1", type: "function", function: { name: "pay", arguments: '{"invoice":7}' } };
    const message = { role: "assistant", content: isFirst ? null : "paid", ...(isFirst ? { tool_calls: [call] } : {}) };
    json({
      id: "c",
      object: "chat.completion",
      model: "m",
      choices: [{ index: 0, message, finish_reason: isFirst ? "tool_calls" : "stop" }],
      usage: { prompt_tokens: 5, completion_tokens: 2 },
    });
  }
}

/** Asks, pays, tells it on in pieces, and asks another. */
function agentOf(instructions: string) {
  const pay = ledger.tool({ name: "pay", input: { type: "object" }, run: () => ({ receipt: ++paid }) });
  const refund = ledger.tool({
    name: "refund",
    input: { type: "object" },
    run: () => {
      paid--;
      throw new Error("the till is closed");
    },
  });
  return ledger.wrap(
    async (task: string) => {
      const openai = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: "none", maxRetries: 0 });
      const anthropic = new Anthropic({ baseURL: baseUrl, apiKey: "none", maxRetries: 0 });
      const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: task }];
      const first = await openai.chat.completions.create({ model: "m", messages });
      const message = first.choices[0]?.message;
      const [call] = message?.tool_calls ?? [];
      if (message === undefined || call?.type !== "function") throw new Error("no call");
      const receipt = await pay(call.function.arguments, { callId: call.id });
      const refunded = await refund({ invoice: 7 }).catch((error: Error) => error.message);
      messages.push(message, { role: "tool", tool_call_id: call.id, content: JSON.stringify(receipt) });
      const second = await openai.chat.completions.create({ model: "m", messages });
      const pieces: string[] = [];
      for await (const chunk of await openai.chat.completions.create({
        model: "m",
        stream: true,
        messages: [{ role: "user", content: instructions }],
      })) {
        pieces.push(chunk.choices[0]?.delta.content ?? "");
      }
      const last = await anthropic.messages.create({
        model: "claude",
        max_tokens: 9,
        messages: [{ role: "user", content: "and you?" }],
      });
      return { receipt, refunded, said: second.choices[0]?.message.content, pieces, last: last.content };
    },
    { agent: "payer" },
  );
}

let runId: string;
let recorded: RecordedRun;
let given: unknown;

it("records an agent with tools, two kinds of models and a stream, and reads it back", async () => {
  const agent = agentOf("tell it on");
  given = await agent("pay invoice 7");
  expect(given).toMatchObject({
    receipt: { receipt: 1 },
    refunded: "the till is closed",
    said: "paid",
    pieces: ["in ", "pieces"],
  });
  expect(await ledger.flush()).toBe(true);
  const list = await eventually(
    () => getJson<RunList>(`${product.apiUrl}/v1/runs?agent=payer`),
    ({ items }) => items[0]?.status === "completed",
  );
  runId = list.items[0]?.run_id ?? "";
  recorded = await eventually(
    () => ledger.recordedRun(runId),
    ({ steps }) => steps.length === 6 && steps.every(({ content }) => content === "available"),
  );
  // From here on nobody is there.
  models.closeAllConnections();
  models.close();
}, 120_000);

it("is reproduced with no model there and no tool run, and the replay is a run that names the one it follows", async () => {
  const [askedBefore, paidBefore] = [asked, paid];
  const agent = agentOf("tell it on");
  const replay = await ledger.replay(runId, () => agent("pay invoice 7"));
  expect(replay).toMatchObject({ verdict: "reproduced", divergence: undefined, result: given });
  expect([asked, paid]).toEqual([askedBefore, paidBefore]);
  expect(await ledger.flush()).toBe(true);
  const run = await eventually(
    () =>
      getJson<{ status: string; llm_calls: number }>(`${product.apiUrl}/v1/runs/${replay.runId}`).catch(
        () => undefined,
      ),
    (found) => found?.status === "completed",
  );
  expect(run).toMatchObject({ llm_calls: 4 });
  const again = await eventually(
    () => ledger.recordedRun(replay.runId ?? ""),
    ({ steps }) => steps.length === 6,
  );
  expect(again.runId).not.toBe(runId);
  await eventually(
    () => getJson<ActList>(`${product.apiUrl}/v1/acts?action=content.read`),
    ({ items }) => items.some(({ reason }) => reason === "replay"),
  );
}, 120_000);

it("stops where it goes another way, and says at which step and how", async () => {
  const changed = await ledger.replay(recorded, () => agentOf("tell it otherwise")("pay invoice 7"));
  expect(changed.verdict).toBe("diverged");
  const stream = recorded.steps.find(({ model }) => model?.streaming);
  expect(changed.divergence).toMatchObject({
    seq: stream?.seq,
    difference: "the messages differ, first message 1 of 1",
  });
  expect(changed.error).toBeInstanceOf(Error);

  const other = await ledger.replay(recorded, () => agentOf("tell it on")("pay invoice 8"));
  expect(other.divergence).toMatchObject({ seq: recorded.steps[0]?.seq });

  const less = await ledger.replay(recorded, () => ledger.wrap(async () => "nothing", { agent: "payer" })());
  expect(less.divergence).toMatchObject({
    seq: recorded.steps[0]?.seq,
    difference: "the agent ended without this call",
  });
  expect(paid).toBe(0);
}, 60_000);

it("says so when what was answered can't be had any more", async () => {
  const gone = { ...recorded, steps: recorded.steps.map((step) => ({ ...step, content: "erased" })) };
  const replay = await ledger.replay(gone, () => agentOf("tell it on")("pay invoice 7"));
  expect(replay.divergence?.difference).toContain("its content is erased");
  await expect(ledger.replay("0".repeat(32), () => 1)).rejects.toThrow(/404|not found|no run/i);

  const response = await fetch(`${product.apiUrl}/v1/erasures`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ subject: { run_id: runId }, reason: "a person asked for it" }),
  });
  expect(response.ok).toBe(true);
  const erased = await eventually(
    () => ledger.replay(runId, () => agentOf("tell it on")("pay invoice 7")),
    ({ verdict }) => verdict === "diverged",
  );
  expect(erased.divergence?.difference).toContain("its content is erased");
}, 120_000);
