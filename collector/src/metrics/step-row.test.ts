import { GEN_AI, ROW_NAME_CHARS, ROW_TEXT_CHARS, rowAgentFacts } from "@runledger/contract";
import { expect, test } from "vitest";
import { normalizeSpan } from "../normalize/normalize-span.ts";
import { agentFactsText } from "./agent-facts-text.ts";
import { stepRow } from "./step-row.ts";

const HUGE = "😀x".repeat(50_000);
const HASH = "0".repeat(64);
/** A kind of fact each, all of them longer than anybody means. */
const AGENT = {
  decision: { options: Array.from({ length: 5_000 }, () => HUGE), choice: HUGE, confidence: 0.5 },
  guardrail: { passed: false, rule: HUGE, target: HUGE },
  approval: { tool: HUGE, approved: true, by: HUGE },
  handoff: { to: HUGE },
  state: { id: HUGE, store: HUGE },
  artifact: { media_type: HUGE, sha256: HASH, size_bytes: 1 },
  score: { value: 1, label: HUGE },
  limit: { name: HUGE, max: 1, reached: 1, running: null },
  privacy: {
    content: "hashes" as const,
    redacted: [{ count: 1, kind: HUGE }],
    withheld: Array.from({ length: 500 }, () => ({ hash: HASH, name: HUGE, size_bytes: 1 })),
    failed: [HUGE],
  },
};
const CONTEXT = {
  ...{ conflict: false, inputPreview: "", outputPreview: "", contextWindow: null },
  ...{ journalSeq: 1, journal: "j" },
};

function recordOf(text: string) {
  const { facts } = normalizeSpan(
    {
      ...{ traceId: "a".repeat(32), spanId: "b".repeat(16), parentSpanId: null, name: text },
      ...{ startTime: "2026-01-02T03:04:05.000000000Z", endTime: "2026-01-02T03:04:05.250000000Z" },
      ...{ statusCode: 2, statusMessage: text, events: [], links: [] },
      attributes: new Map([
        [GEN_AI.operationName, "chat"],
        [GEN_AI.providerName, text],
        [GEN_AI.requestModel, text],
      ]),
    },
    { resource: {}, resourceSha256: HASH, scope: { name: text, version: "1" } },
    { tenant: "default", receivedTime: "2026-01-02T03:04:06.000000000Z" },
    () => null,
  );
  const told = { call_id: text, name: text, arguments_sha256: HASH };
  const run = {
    ...{ task_id: text, task_type: text, agent_name: text, agent_version: text, session_id: text, user_id: text },
    heartbeat_interval_ms: null,
  };
  return {
    ...facts,
    ...{ operation: text, parent_id: text, run },
    error: { type: text, message: text },
    end: { status: "failed" as const, outcome: text, reason: text, records: 1 },
    llm: facts.llm && {
      ...facts.llm,
      ...{ response_model: text, response_id: text, finish_reasons: Array.from({ length: 5_000 }, () => text) },
      tool_requests: [told],
      tool_results: [{ call_id: text, result_sha256: HASH, result_bytes: 1, name: text }],
    },
    tool: {
      ...{ name: text, call_id: text, requested_by: text, arguments_sha256: HASH, result_sha256: HASH },
      ...{ result_bytes: 1, attempt: 1, idempotency_key: text, known: true, valid: true, inferred: false },
      ...{ permission: text, principal: text, same_as: text },
    },
    ...AGENT,
  };
}

/** All texts of a row, however deep. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

test("no text that a client sent is long in a row, whichever it is, nor cut within a surrogate pair", () => {
  const { agent_facts, ...row } = stepRow(recordOf(HUGE), CONTEXT);
  const texts = textsOf(row);
  expect(texts.filter((text) => text.includes("😀")).length).toBeGreaterThan(25);
  for (const text of texts) {
    expect(text.length).toBeLessThanOrEqual(ROW_TEXT_CHARS);
    expect(text.isWellFormed()).toBe(true);
  }
  expect(row.error_message).toHaveLength(ROW_TEXT_CHARS);
  expect(row.error_message.endsWith("…")).toBe(true);
  expect(row.end_reason).toBe(row.error_message);
  expect(row.finish_reasons).toHaveLength(100);
  expect(agent_facts.length).toBeLessThan(8_192);
});

test("what fits is in the row as it came, to the last character", () => {
  const fits = "n".repeat(ROW_NAME_CHARS);
  const row = stepRow(recordOf(fits), CONTEXT);
  for (const text of [row.user_id, row.session_id, row.agent_name, row.tool_name, row.error_message, row.name])
    expect(text).toBe(fits);
});

test("facts of an agent are cut to what readers still take for facts, and are whole where nobody exaggerates", () => {
  const cut = rowAgentFacts.parse(JSON.parse(agentFactsText(recordOf(HUGE))));
  expect(cut.decision?.options).toHaveLength(16);
  expect(cut.artifact?.sha256).toBe(HASH);
  const none = Object.fromEntries(Object.keys(AGENT).map((name) => [name, undefined]));
  const meant = { decision: { options: ["a", "b"], choice: "a", confidence: 1 }, handoff: { to: "support" } };
  expect(JSON.parse(agentFactsText({ ...recordOf("x"), ...none, tool: null, ...meant }))).toEqual(meant);
});
