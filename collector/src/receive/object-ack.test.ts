import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournalCursor, openJournalWriter } from "@runledger/storage";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createIntake } from "./intake.ts";
import { createObjectAck } from "./object-ack.ts";
import { refusalOf } from "./status.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-ack-"));
});
afterEach(() => rm(directory, { recursive: true }));

const trace = (span: string) => ({
  signal: "traces" as const,
  format: "json" as const,
  encoding: "identity" as const,
  tenant: "default",
  body: Buffer.from(
    JSON.stringify({
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: [
                { traceId: "a".repeat(32), spanId: span, name: "x", startTimeUnixNano: "1", endTimeUnixNano: "2" },
              ],
            },
          ],
        },
      ],
    }),
  ),
});

test("a request is answered when the log's cursor has passed it, and all that wait by one batch", async () => {
  const journal = await openJournalWriter(directory, { followers: ["audit"], warn: () => undefined });
  const cursor = openJournalCursor(directory, "audit");
  await cursor.load();
  const ack = createObjectAck(openJournalCursor(directory, "audit"), { pollMs: 5, timeoutMs: 5_000 });
  const dependencies = {
    journal,
    registry: new Registry(),
    nowUnixNano: () => 1n,
    onFatal: () => undefined,
    warn: () => undefined,
  };
  const intake = createIntake({ ...dependencies, stored: ack.stored }, {});
  let answered = 0;
  const requests = ["1", "2", "3"].map(async (span) => {
    await intake.take(trace(span.repeat(16)), "http", intake.reserve({ tenant: "default" }));
    answered++;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(answered).toBe(0);
  expect(journal.stats().lastSeq).toBe(3);
  await cursor.save(4);
  await Promise.all(requests);
  expect(answered).toBe(3);
  await journal.close();
});

test("what the store does not take in time is unavailable and may be sent again", async () => {
  const cursor = openJournalCursor(directory, "audit");
  const ack = createObjectAck(cursor, { pollMs: 5, timeoutMs: 50 });
  const error = await ack.stored(7).catch((refused: unknown) => refused);
  expect(refusalOf(error)).toMatchObject({ name: "unavailable", httpCode: 503, grpcCode: 14, retryAfterSeconds: 5 });
});
