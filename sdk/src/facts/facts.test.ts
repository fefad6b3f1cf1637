import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import type { Facts } from "./facts.ts";

let recorded: RecordedLedger;
beforeEach(() => {
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
});
async function stepsOf(tell: (facts: Facts) => unknown) {
  const result = await recorded.ledger.wrap(async () => tell(recorded.ledger), { agent: "a" })();
  return {
    result,
    steps: (await recorded.steps()).map((span): Record<string, unknown> => ({ name: span.name, ...span.attributes })),
  };
}

test("a decision tells its options, its choice, how sure it was and why", async () => {
  const { steps } = await stepsOf((facts) =>
    facts.decision({
      name: "route",
      options: ["refund", "replace"],
      choice: "replace",
      confidence: 0.8,
      reason: "policy",
    }),
  );
  expect(steps).toMatchObject([
    {
      name: "decide route",
      "gen_ai.operation.name": "decide",
      "runledger.step.kind": "decision",
      "runledger.step.name": "route",
      "runledger.decision.options": ["refund", "replace"],
      "runledger.decision.choice": "replace",
      "runledger.decision.confidence": 0.8,
      "runledger.step.reason": "policy",
    },
  ]);
});

test("a guardrail that rejects is an error that operators can count, and gives back its verdict", async () => {
  const { result, steps } = await stepsOf((facts) => [
    facts.guardrail({ name: "pii", passed: true }),
    facts.guardrail({ name: "pii", passed: false, rule: "no-card-numbers", target: "output", reason: "4111…" }),
  ]);
  expect(result).toEqual([true, false]);
  expect(steps[0]).not.toHaveProperty("error.type");
  expect(steps[1]).toMatchObject({
    "error.type": "guardrail_rejected",
    "runledger.guardrail.passed": false,
    "runledger.guardrail.rule": "no-card-numbers",
  });
  expect((await recorded.steps("guardrail"))[1]?.status.message).toBe("rejected by no-card-numbers");
});

test("a hand-off ends the run as handed off, an escalation does not", async () => {
  await stepsOf((facts) => facts.escalate({ to: "duty officer", reason: "unsure" }));
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("completed");
  await recorded.ledger.wrap(async () => recorded.ledger.handoff({ to: "billing" }), { agent: "b" })();
  const ends = (await recorded.records()).filter(
    ({ attributes }) => attributes["runledger.run.status"] === "handed_off",
  );
  expect(ends[0]?.attributes["runledger.run.reason"]).toBe("to billing");
  expect((await recorded.steps("handoff")).map(({ attributes }) => attributes["gen_ai.operation.name"])).toEqual([
    "escalate",
    "handoff",
  ]);
});

test("an agent that hands off and then fails has failed", async () => {
  const agent = recorded.ledger.wrap(
    async () => {
      recorded.ledger.handoff({ to: "billing" });
      throw new Error("broken");
    },
    { agent: "a" },
  );
  await expect(agent()).rejects.toThrow("broken");
  expect((await recorded.end()).attributes["runledger.run.status"]).toBe("failed");
});

test("fallback, memory and score have the words of the conventions", async () => {
  const { steps } = await stepsOf((facts) => {
    facts.fallback({ from: "gpt-4o", to: "claude-sonnet-4-5", reason: "rate limited" });
    facts.memory({ op: "search", store: "notes", query: "likes", value: ["tea"] });
    facts.memory({ op: "upsert", key: "mara", value: { likes: "tea" } });
    facts.score({ name: "helpfulness", value: 0.9, label: "good", comment: "kind" });
  });
  expect(steps).toMatchObject([
    { "gen_ai.operation.name": "fallback", "runledger.decision.choice": "claude-sonnet-4-5" },
    {
      "gen_ai.operation.name": "search_memory",
      "gen_ai.memory.query.text": "likes",
      "gen_ai.memory.records": '[{"content":"tea"}]',
    },
    { "gen_ai.operation.name": "upsert_memory", "gen_ai.memory.record.id": "mara" },
    { "gen_ai.evaluation.name": "helpfulness", "gen_ai.evaluation.score.value": 0.9 },
  ]);
});

test("an artifact is a reference for the model, and its bytes are in the record", async () => {
  const bytes = new Uint8Array([0, 255, 1]);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { result, steps } = await stepsOf((facts) => [
    facts.artifact(bytes, { name: "chart.png", mediaType: "image/png" }),
    facts.artifact("a,b\n1,2", { name: "data.csv", mediaType: "text/csv" }),
  ]);
  const [chart] = result as ReturnType<Facts["artifact"]>[];
  expect(chart).toMatchObject({ sizeBytes: 3, sha256, uri: `runledger://artifact/${sha256}` });
  expect(`${chart}`).toBe(`[artifact "chart.png", image/png, 3 bytes: runledger://artifact/${sha256}]`);
  expect(steps).toMatchObject([
    {
      "runledger.artifact.sha256": sha256,
      "runledger.artifact.content": "AP8B",
      "runledger.artifact.encoding": "base64",
    },
    { "runledger.artifact.content": "a,b\n1,2", "runledger.artifact.size_bytes": 7 },
  ]);
});

test("an artifact too large to keep is recorded by its hash, and that is told", async () => {
  const { steps } = await stepsOf((facts) => facts.artifact(new Uint8Array(8 * 1024 * 1024 + 1), { name: "big" }));
  expect(steps[0]).toMatchObject({ "runledger.artifact.size_bytes": 8 * 1024 * 1024 + 1 });
  expect(steps[0]).not.toHaveProperty("runledger.artifact.content");
  expect(recorded.warnings.join()).toContain("larger than");
});

test("facts hang below the tool that tells them", async () => {
  const tool = recorded.ledger.tool({
    name: "look",
    input: { type: "object" },
    run: () => recorded.ledger.decision({ name: "d", choice: "x" }),
  });
  await recorded.ledger.wrap(async () => await tool({}), { agent: "a" })();
  const [decision] = await recorded.steps("decision");
  const [look] = await recorded.steps("tool");
  expect(decision?.parentSpanContext?.spanId).toBe(look?.spanContext().spanId);
});

test("outside of a run they do nothing, which is counted; and nothing that one gives them throws", async () => {
  const { ledger } = recorded;
  ledger.decision({ name: "d", choice: "x" });
  expect(ledger.guardrail({ name: "g", passed: false })).toBe(false);
  expect(ledger.artifact("x", { name: "n" }).sizeBytes).toBe(1);
  ledger.score({ name: "s", value: 1 });
  expect(ledger.stats().failures.outside_run).toBe(4);
  const { steps } = await stepsOf((facts) => {
    facts.decision({ name: "d", choice: "x", options: 7 as unknown as string[] });
    facts.memory({ op: "create", value: 10n });
    facts.decision({ name: "long ".repeat(100), choice: "y" });
  });
  expect(steps.map((step) => String(step["runledger.step.name"]).length)).toEqual([6, 200]);
});
