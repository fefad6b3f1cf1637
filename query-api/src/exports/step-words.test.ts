import type { RunledgerRecord } from "@runledger/contract";
import { expect, test } from "vitest";
import { recordOf } from "../testing/small-log.ts";
import { stepRow } from "../testing/step-rows.ts";
import { type StepContents, trailLine } from "./step-words.ts";

const NO_CONTENTS: StepContents = { arguments: null, result: null, response: null, output: null };
const step = (kind: RunledgerRecord["kind"], name: string, facts: Partial<RunledgerRecord> = {}): RunledgerRecord => ({
  ...recordOf(stepRow("r", "s", {}), {}),
  ...{ kind, name, status: "ok", start_time: "2026-01-01T00:00:00.000Z", end_time: "2026-01-01T00:00:00.005Z" },
  ...facts,
});
const told = (record: RunledgerRecord) => trailLine(1, record, NO_CONTENTS)?.sentence;

test("what was decided, out of what, and what a person or a rule said", () => {
  const decision = { choice: "refuse", options: ["grant", "refuse"], confidence: 0.4 };
  expect(told(step("decision", "refund?", { decision }))).toBe(
    "The agent decided, refund?: “refuse”, out of “grant”, “refuse”, with confidence 0.4.",
  );
  const open = { choice: null, options: [], confidence: null };
  expect(told(step("decision", "refund?", { decision: open }))).toBe(
    "The agent decided, refund?: what it chose is not known.",
  );
  expect(told(step("decision", "refund?"))).toBe("The agent decided: refund?.");
  const approval = { tool: "delete_account", approved: false, by: "root" };
  expect(told(step("approval", "ask", { approval }))).toBe("“root” denied the tool “delete_account”.");
  expect(told(step("approval", "ask", { approval: { ...approval, approved: true, by: null } }))).toBe(
    "A function of the agent’s, in a person’s place, approved the tool “delete_account”.",
  );
  const guardrail = { passed: false, rule: "no cards", target: "output" };
  expect(told(step("guardrail", "pii", { guardrail }))).toBe(
    "The guardrail “pii” refused “output”, by the rule “no cards”.",
  );
  expect(told(step("guardrail", "pii", { guardrail: { passed: true, rule: null, target: null } }))).toBe(
    "The guardrail “pii” let it pass.",
  );
  const limit = { name: "costUsd", max: 2, reached: 2.4, running: 0 };
  expect(told(step("limit", "cost", { limit }))).toBe("A limit stopped it: cost, 2.4 reached of at most 2.");
  expect(told(step("handoff", "refunds", { handoff: { to: "billing" } }))).toBe(
    "The agent handed over to “billing”: refunds.",
  );
  expect(told(step("other", "judge", { score: { value: 0.5, label: "fair" } }))).toBe("judge: 0.5, fair (in 5 ms).");
});

test("how a tool's call was let through", () => {
  const nothing = {
    call_id: null,
    requested_by: null,
    arguments_sha256: null,
    result_sha256: null,
    result_bytes: null,
  };
  const unknown = { idempotency_key: null, known: null, valid: null };
  const call = { ...nothing, ...unknown, name: "pay", attempt: 1, inferred: false };
  expect(told(step("tool", "pay", { tool: call }))).toBe("The agent called the tool “pay” in 5 ms.");
  const safety = { side_effect: "irreversible", confirmed: false, same_as: "ab", principal: "ann" } as const;
  expect(told(step("tool", "pay", { tool: { ...call, ...safety } }))).toBe(
    "The agent called the tool “pay” in 5 ms (what it does can’t be undone; not confirmed; on behalf of “ann”; nothing ran: it was given the result of an earlier call with the same key).",
  );
});

test("what an agent gave as its reason is called so", () => {
  const line = trailLine(1, step("decision", "refund?"), { ...NO_CONTENTS, output: "too late" });
  expect(line?.quotes).toEqual([{ label: "reason", text: "too late" }]);
});
