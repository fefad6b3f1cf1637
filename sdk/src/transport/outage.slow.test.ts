import { createServer } from "node:net";
import { expect, test } from "vitest";
import { createRunledger } from "../ledger.ts";
import { startOtlpServer } from "../testing/otlp-server.ts";

const OUTAGE_MS = 60_000;
const RUN_EVERY_MS = 20;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("a collector that is away for a full minute costs no record and delays no agent", async () => {
  const port = await freePort();
  const ledger = createRunledger({ endpoint: `http://127.0.0.1:${port}`, log: () => {} }, { environment: {} });
  const look = ledger.tool({ name: "look", input: { type: "object" }, run: () => "seen" });
  const agent = ledger.wrap(async (_name: string) => await look({}), {
    agent: "patient",
    taskId: (name: string) => `task-${name}-`,
  });
  const begin = performance.now();
  let runs = 0;
  let slowestMs = 0;
  while (performance.now() - begin < OUTAGE_MS) {
    const runBegin = performance.now();
    await agent(String(runs++));
    slowestMs = Math.max(slowestMs, performance.now() - runBegin);
    await wait(RUN_EVERY_MS);
  }
  expect(ledger.stats()).toMatchObject({ sent: 0, queued: runs * 3 });
  const queuedMb = ledger.stats().queuedBytes / 1_048_576;

  const server = await startOtlpServer({ port });
  const back = performance.now();
  await expect.poll(() => ledger.stats().queued, { timeout: 30_000 }).toBe(0);
  const caughtUpMs = performance.now() - back;
  const text = Buffer.concat(server.requests).toString("latin1");
  for (let run = 0; run < runs; run++) expect(text.split(`task-${run}-`)).toHaveLength(3 + 1);
  expect(ledger.stats().failures).toMatchObject({ dropped: 0, rejected: 0 });
  expect(slowestMs).toBeLessThan(1_000);
  await ledger.shutdown();
  server.close();
  const figures = { runs, records: runs * 3, queuedMb, slowestMs, caughtUpMs };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
});
