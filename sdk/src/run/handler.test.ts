import { expect, test } from "vitest";
import { createRunledger } from "../index.ts";
import { startOtlpServer } from "../testing/otlp-server.ts";

const TO_NOWHERE = {
  endpoint: "http://127.0.0.1:9",
  spoolDir: "off",
  control: "off",
  log: () => {},
  flushTimeoutMs: 50_000,
} as const;
const contextOf = (ms: number) => ({ getRemainingTimeInMillis: () => ms });

test("when a handler answers, its records are with the collector", async () => {
  const server = await startOtlpServer();
  const ledger = createRunledger({ ...TO_NOWHERE, endpoint: `http://127.0.0.1:${server.port}` }, { environment: {} });
  const agent = ledger.wrap(async (name: string) => `Hello, ${name}`, { agent: "greeter" });
  const handler = ledger.handler(async (event: { name: string }, _context: object) => await agent(event.name));
  expect(await handler({ name: "you" }, contextOf(55_000))).toBe("Hello, you");
  expect(ledger.stats()).toMatchObject({ sent: 2, queued: 0 });
  const failing = ledger.handler(async () => {
    await agent("me");
    throw new Error("broken");
  });
  await expect(failing()).rejects.toThrow("broken");
  expect(ledger.stats()).toMatchObject({ sent: 4, queued: 0 });
  await ledger.shutdown();
  server.close();
});

test("without a collector the answer comes before the deadline, and the records wait for the next call", async () => {
  const ledger = createRunledger(TO_NOWHERE, { environment: {} });
  const agent = ledger.wrap(async () => "done", { agent: "lonely" });
  const handler = ledger.handler(async (_event: object, _context: object) => await agent());
  expect(await handler({}, contextOf(450))).toBe("done");
  expect(await handler({}, contextOf(100))).toBe("done");
  expect(ledger.stats()).toMatchObject({ sent: 0, queued: 4 });
});

test("a handler that answers by a callback is answered after the records are sent", async () => {
  const server = await startOtlpServer();
  const ledger = createRunledger({ ...TO_NOWHERE, endpoint: `http://127.0.0.1:${server.port}` }, { environment: {} });
  const agent = ledger.wrap(async () => "done", { agent: "old" });
  const handler = ledger.handler(
    (_event: object, _context: object, callback: (error: null, answer: string) => void) => {
      void agent().then((answer) => callback(null, answer));
    },
  );
  expect(handler.length).toBe(3);
  const answer = await new Promise((resolve) => handler({}, contextOf(55_000), (_error, text) => resolve(text)));
  expect(answer).toBe("done");
  expect(ledger.stats()).toMatchObject({ sent: 2, queued: 0 });
  await ledger.shutdown();
  server.close();
});
