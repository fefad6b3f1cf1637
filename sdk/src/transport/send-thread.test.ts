import type { Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import type { Settings } from "../config.ts";
import { createRunledger, type Ledger } from "../ledger.ts";
import { completion, startModelServer } from "../testing/model-server.ts";
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

async function open(options: OtlpServerOptions = {}, own: Settings = {}): Promise<string[]> {
  server = await startOtlpServer(options);
  const warnings: string[] = [];
  const settings = { control: "off", spoolDir: "off", flushTimeoutMs: 30_000 } as const;
  ledger = createRunledger(
    { ...settings, endpoint: `http://127.0.0.1:${server.port}`, log: (message) => warnings.push(message), ...own },
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

test("records that unpack to more than a request may hold go out in several", async () => {
  await open();
  const answer = gzipSync(JSON.stringify(completion("long ".repeat(300_000))));
  const model = await startModelServer((response) => {
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(answer);
  });
  const body = JSON.stringify({ model: "gpt-4o", messages: [] });
  const ask = async () => await (await fetch(`${model.baseUrl}/chat/completions`, { method: "POST", body })).text();
  await ledger.wrap(async () => [await ask(), await ask(), await ask()], { agent: "a" })();
  expect(await ledger.flush()).toBe(true);
  await model.close();
  expect(ledger.stats()).toMatchObject({ sent: 5, queued: 0, failures: { delivery: 0, rejected: 0 } });
  // Each is 1.5 MB twice, as it came and as messages; as packed bytes all of them were one batch.
  expect(server.requests.length).toBeGreaterThanOrEqual(3);
  expect(Math.max(...server.requests.map(({ byteLength }) => byteLength))).toBeLessThan(4_194_304);
}, 60_000);

test("rules of a function, which can't go to the thread, hold for all that it sends; others hold there", async () => {
  const redact = (text: string) => text.replaceAll("task-", "case-");
  await open({}, { redact: { rules: [{ name: "tasks", redact }] } });
  await work("task-1- of ann@example.com");
  expect(await ledger.flush()).toBe(true);
  expect(received()).toContain("case-1- of [email:");
  expect(received()).not.toMatch(/task-|ann@/);
  expect(ledger.stats().content.redacted).toEqual({ tasks: 2, email: 2 });
  await ledger.shutdown();
  server.close();
  await open({}, { redact: { rules: [{ name: "tasks", match: /task-\d/ }] } });
  await work("task-1- of ann@example.com");
  expect(await ledger.flush()).toBe(true);
  expect(received()).not.toMatch(/task-|ann@/);
  expect(ledger.stats().content.redacted).toEqual({ tasks: 2, email: 2 });
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
