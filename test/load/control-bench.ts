import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startFakeModel } from "runledger";
import { startAgent } from "../support/agent-process.ts";
import { eventually, startProduct, temporaryDir } from "../support/product.ts";

export interface ControlFigures {
  what: string;
  rounds: number;
  p50Ms: number;
  p95Ms: number;
  maxMs: number;
}

/**
 * A real agent in a process of its own against the real product: it loops, a webhook is told, somebody kills it by the API, and it starts anew.
 * All clocks are this machine's.
 */
export async function benchControl({
  rounds,
  pauseMs,
}: {
  rounds: number;
  pauseMs: number;
}): Promise<ControlFigures[]> {
  const told = new Map<string, number>();
  const pager = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const { type, data } = JSON.parse(body) as { type: string; data: { rule: string; run_id: string } };
      if (type === "alert.firing" && data.rule === "loop.repeat") told.set(data.run_id, Date.now());
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(pager, "listening");
  const home = await temporaryDir("control-bench");
  const product = await startProduct(home.dir, {
    RUNLEDGER_ALERT_WEBHOOK_URL: `http://127.0.0.1:${(pager.address() as AddressInfo).port}/`,
    RUNLEDGER_ALERT_WEBHOOK_SECRET: "a secret of the bench",
  });
  const model = await startFakeModel({ default: () => ({ content: "again", usage: { prompt: 10, completion: 2 } }) });
  const agent = startAgent({
    RUNLEDGER_ENDPOINT: product.grpcUrl,
    RUNLEDGER_CONTROL_URL: product.apiUrl,
    OPENAI_BASE_URL: model.baseUrl,
    ROUNDS: String(rounds),
    PAUSE_MS: String(pauseMs),
  });
  const alertMs: number[] = [];
  const refusedMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const looping = await agent.fact("looping", round);
    const runId = looping.runId ?? "";
    await eventually(
      async () => told.get(runId),
      (atMs) => atMs !== undefined,
      60_000,
    );
    alertMs.push((told.get(runId) ?? 0) - looping.atMs);
    const body = JSON.stringify({ scope: { run_id: runId }, reason: "the bench" });
    const headers = { "content-type": "application/json" };
    const sentMs = Date.now();
    await fetch(`${product.apiUrl}/v1/kill`, { method: "POST", headers, body });
    refusedMs.push((await agent.fact("refused", round)).atMs - sentMs);
  }
  await agent.stop();
  await model.close();
  await product.stop();
  pager.close();
  await home.remove();
  return [
    figures("from the end of the step that completes a loop to the webhook", alertMs),
    figures("from POST /v1/kill to the agent's refused call", refusedMs),
  ];
}

function figures(what: string, times: readonly number[]): ControlFigures {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { what, rounds: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}
