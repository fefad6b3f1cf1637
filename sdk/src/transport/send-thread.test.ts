import type { Worker } from "node:worker_threads";
import { afterEach, expect, test, vi } from "vitest";
import { createRunledger, type Ledger } from "../ledger.ts";
import { type OtlpServer, type OtlpServerOptions, startOtlpServer } from "../testing/otlp-server.ts";

/** The threads that were started, to end them as nothing of ours does; or none can be. */
const threads = vi.hoisted(() => ({ started: [] as Worker[], impossible: false }));
vi.mock("node:worker_threads", async (load) => {
  const original = await load<typeof import("node:worker_threads")>();
  class ObservedWorker extends original.Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      if (threads.impossible) throw new Error("no file of the thread here");
      super(...args);
      threads.started.push(this);
    }
  }
  return { ...original, Worker: ObservedWorker };
});

let server: OtlpServer;
let ledger: Ledger;
afterEach(async () => {
  await ledger.shutdown();
  server.close();
  threads.started.length = 0;
  threads.impossible = false;
});

async function open(options: OtlpServerOptions = {}): Promise<string[]> {
  server = await startOtlpServer(options);
  const warnings: string[] = [];
  const settings = { control: "off", spoolDir: "off", flushTimeoutMs: 30_000 } as const;
  ledger = createRunledger(
    { ...settings, endpoint: `http://127.0.0.1:${server.port}`, log: (message) => warnings.push(message) },
    { environment: {} },
  );
  return warnings;
}
const work = (taskId: string) => ledger.wrap(async () => "done", { agent: "a", taskId })();
const received = () => Buffer.concat(server.requests).toString("latin1");

test("a thread that ends with a request under way loses nothing: another one sends it again", async () => {
  const held = Promise.withResolvers<void>();
  const warnings = await open({ hold: () => held.promise });
  await work("task-1-");
  await expect.poll(() => server.requests.length, { timeout: 30_000 }).toBe(1);
  await work("task-2-");
  await threads.started[0]?.terminate();
  held.resolve();
  expect(await ledger.flush()).toBe(true);
  // A start and an end each. The first task's came twice, which the collector tells by their ids.
  expect(ledger.stats()).toMatchObject({ sent: 4, queued: 0, failures: { delivery: 1, dropped: 0, rejected: 0 } });
  expect(received().split("task-2-")).toHaveLength(2 + 1);
  expect(threads.started).toHaveLength(2);
  expect(warnings).toEqual([expect.stringContaining("the thread that sends ended with 1")]);
}, 60_000);

test("a thread that ends between requests is replaced when there is something to send", async () => {
  await open();
  await work("task-1-");
  expect(await ledger.flush()).toBe(true);
  await threads.started[0]?.terminate();
  await work("task-2-");
  expect(await ledger.flush()).toBe(true);
  expect(ledger.stats()).toMatchObject({ sent: 4, failures: { delivery: 0 } });
  expect(received().split("task-2-")).toHaveLength(2 + 1);
}, 60_000);

test("where no thread can be started the records are sent all the same, and it is told", async () => {
  threads.impossible = true;
  const warnings = await open();
  await work("task-1-");
  expect(await ledger.flush()).toBe(true);
  expect(threads.started).toEqual([]);
  expect(ledger.stats()).toMatchObject({ sent: 2, queued: 0 });
  expect(received().split("task-1-")).toHaveLength(2 + 1);
  expect(warnings).toEqual([expect.stringContaining("no file of the thread here")]);
}, 60_000);
