import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrices, normalizeFrame } from "@runledger/collector";
import type { RunledgerRecord } from "@runledger/contract";
import { createRunledger, type Ledger } from "@runledger/sdk";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OtlpWire, startOtlpWire } from "../support/otlp-wire.ts";

let wire: OtlpWire;
let ledger: Ledger;
let directory: string;

beforeEach(async () => {
  wire = await startOtlpWire();
  directory = await mkdtemp(join(tmpdir(), "runledger-chain-"));
  ledger = open();
});
afterEach(async () => {
  await ledger.shutdown();
  await wire.close();
  await rm(directory, { recursive: true });
});

function open(): Ledger {
  const settings = { endpoint: wire.url, control: "off", spoolDir: "off", checkpointDir: directory } as const;
  return createRunledger({ ...settings, serviceName: "Kiosk \u{1f6d2} \ud800", log: () => {} }, { environment: {} });
}

/** What the collector makes of all that came over the wire. */
function records(): Pick<RunledgerRecord, "record_id" | "run_id" | "run_seq" | "run_prev" | "event" | "name">[] {
  const prices = createPrices(null);
  return wire.requests.flatMap((body, i) => {
    const common = { signal: "traces", format: "protobuf", encoding: "identity", tenant: "default", rejected: [] };
    const frame = { ...common, seq: i + 1, receivedUnixNano: 1_700_000_000_000_000_000n, body };
    return normalizeFrame(frame as never, prices.cost).records.map(({ facts }) => facts as RunledgerRecord);
  });
}

/** Of each run its records in order: each names the one before. */
function expectChains(expectedRuns: number): void {
  const runs = Map.groupBy(records(), ({ run_id }) => run_id);
  expect(runs.size).toBe(expectedRuns);
  for (const run of runs.values()) {
    run.sort((a, b) => Number(a.run_seq) - Number(b.run_seq));
    expect(run.map(({ run_seq }) => run_seq)).toEqual(run.map((_, i) => i));
    expect(run.map(({ run_prev }) => run_prev)).toEqual([undefined, ...run.slice(0, -1).map((one) => one.record_id)]);
  }
}

/** Texts of every kind that a wire may change: halves of surrogate pairs, long ones, nothing at all. */
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom(
    "",
    "\ud800",
    "a\udc00b",
    "\u0000",
    "é".repeat(2_000),
    `${"x".repeat(1_500)}\ud83d`,
    "y".repeat(1_001),
  ),
);
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(-0, 0, 1.5, 2 ** 53, -(2 ** 53) - 2, 2 ** 62, 2 ** 63, 1e300, Number.NaN, Number.POSITIVE_INFINITY),
);
const act = fc.oneof(
  fc
    .record({ name: text, choice: text, options: fc.array(text, { maxLength: 4 }), confidence: number, reason: text })
    .map((decision) => (to: Ledger) => to.decision(decision)),
  fc.record({ name: text, passed: fc.boolean(), rule: text, reason: text }).map((guardrail) => (to: Ledger) => {
    to.guardrail(guardrail);
  }),
  fc.record({ name: text, value: number, label: text, comment: text }).map((score) => (to: Ledger) => to.score(score)),
  fc
    .record({ op: fc.constant("upsert" as const), key: text, value: fc.jsonValue() })
    .map((use) => (to: Ledger) => to.memory(use)),
  text.map((content) => (to: Ledger) => {
    to.artifact(content, { name: "a", mediaType: "text/plain" });
  }),
);

test("the id that the SDK chains by is the one that the collector gives, whatever a record holds", async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.record({ agent: text, version: text, taskId: text, user: text, error: fc.option(text) }),
      fc.array(act, { maxLength: 12 }),
      async ({ error, ...facts }, acts) => {
        const { agent, version, taskId, user } = facts;
        const run = ledger.wrap(
          async () => {
            for (const each of acts) each(ledger);
            if (error !== null) throw new Error(error);
          },
          { agent, version, taskId, user },
        );
        await run().catch(() => undefined);
        runs++;
      },
    ),
    { numRuns: 150 },
  );
  expect(await ledger.flush()).toBe(true);
  expect(ledger.stats().failures).toMatchObject({ record: 0, dropped: 0, rejected: 0 });
  expectChains(runs);
});

test("tools, sub-agents and calls that run at once are one chain", async () => {
  const tool = ledger.tool({
    name: "look",
    input: { type: "object", properties: { at: { type: "number" } } },
    run: async ({ at }: { at: number }) => ({ seen: at }),
  } as never) as unknown as (input: object) => Promise<unknown>;
  const sub = ledger.wrap(async (n: number) => await tool({ at: n / 3 }), { agent: "sub" });
  await ledger.wrap(
    async () => {
      await Promise.all(Array.from({ length: 20 }, (_, i) => sub(i)));
    },
    { agent: "main" },
  )();
  expect(await ledger.flush()).toBe(true);
  expect(records().length).toBeGreaterThan(40);
  expectChains(1);
});

test("a run that goes on in another process goes on with the chain", async () => {
  let runId = "";
  let kept: unknown;
  const died = new Promise<never>(() => {});
  void ledger.wrap(
    async () => {
      runId = ledger.runId() ?? "";
      ledger.decision({ name: "first", choice: "a" });
      kept = ledger.checkpoint({ at: 1 });
      ledger.decision({ name: "after the checkpoint", choice: "b" });
      await died;
    },
    { agent: "resumable" },
  )();
  await new Promise((resolve) => setTimeout(resolve, 10));
  await ledger.flush();
  await ledger.shutdown(); // as good as dead: the run has not ended, and nothing of it is recorded any more
  ledger = open();
  await ledger.resume(runId, () =>
    ledger.wrap(async () => ledger.decision({ name: "second", choice: "c" }), { agent: "resumable" })(),
  );
  expect(await ledger.flush()).toBe(true);
  expect(kept).toMatchObject({ records: 3, last: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expectChains(1);
  expect(records().map(({ name }) => name)).toContain("second");
});
