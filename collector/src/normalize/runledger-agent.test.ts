import { GEN_AI, RUNLEDGER, record } from "@runledger/contract";
import { expect, it } from "vitest";
import { normalizeSpan } from "./normalize-span.ts";
import { createPrices } from "./price.ts";

const price = createPrices(null).cost;
const HASH = "ab".repeat(32);

function normalized(kind: string, attributes: Record<string, unknown>) {
  const all = { [RUNLEDGER.stepKind]: kind, [RUNLEDGER.runSeq]: 3, ...attributes };
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "span name",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 0,
    statusMessage: "",
    attributes: new Map(Object.entries(all)),
    events: [],
    links: [],
  };
  const origin = { resource: {}, resourceSha256: HASH, scope: { name: "s", version: "1" } };
  const made = normalizeSpan(span, origin, { tenant: "default", receivedTime: span.endTime }, price);
  expect(record.safeParse({ ...made.facts, conflict: false, payloads: {} }).error).toBeUndefined();
  return { ...made.facts, content: made.content };
}

it("reads a decision: its options and choice are facts, its reason is content", () => {
  const step = normalized("decision", {
    [GEN_AI.operationName]: "decide",
    [RUNLEDGER.stepName]: "route",
    [RUNLEDGER.decisionOptions]: ["refund", "replace"],
    [RUNLEDGER.decisionChoice]: "replace",
    [RUNLEDGER.decisionConfidence]: 0.8,
    [RUNLEDGER.stepReason]: "Mara asked for it",
  });
  expect(step).toMatchObject({
    kind: "decision",
    operation: "decide",
    name: "route",
    decision: { options: ["refund", "replace"], choice: "replace", confidence: 0.8 },
    content: { output: '"Mara asked for it"' },
    attributes: {},
  });
});

it("reads a guardrail, an approval and a hand-off", () => {
  const guardrail = { [RUNLEDGER.guardrailPassed]: false, [RUNLEDGER.guardrailRule]: "no-pii" };
  expect(normalized("guardrail", guardrail).guardrail).toEqual({ passed: false, rule: "no-pii", target: null });
  const approval = {
    [RUNLEDGER.approvalApproved]: true,
    [RUNLEDGER.approvalBy]: "kim",
    [RUNLEDGER.approvalTool]: "pay",
  };
  expect(normalized("approval", approval).approval).toEqual({ tool: "pay", approved: true, by: "kim" });
  expect(normalized("handoff", { [RUNLEDGER.handoffTo]: "billing" }).handoff).toEqual({ to: "billing" });
});

it("reads checkpoints, memory and artifacts, what they hold being content", () => {
  const checkpoint = { [RUNLEDGER.checkpointId]: "c1", [RUNLEDGER.checkpointState]: '{"page":3}' };
  expect(normalized("state", checkpoint)).toMatchObject({
    state: { id: "c1", store: null },
    content: { output: '{"page":3}' },
  });
  const memory = {
    [GEN_AI.operationName]: "search_memory",
    [GEN_AI.memoryStoreId]: "notes",
    [GEN_AI.memoryQuery]: "likes",
    [GEN_AI.memoryRecords]: '[{"content":"tea"}]',
  };
  expect(normalized("state", memory)).toMatchObject({
    operation: "search_memory",
    state: { id: null, store: "notes" },
    content: { input: '"likes"', output: '[{"content":"tea"}]' },
  });
  const artifact = {
    [RUNLEDGER.artifactSha256]: HASH,
    [RUNLEDGER.artifactSizeBytes]: 2,
    [RUNLEDGER.artifactMediaType]: "image/png",
    [RUNLEDGER.artifactContent]: "AAE=",
    [RUNLEDGER.artifactEncoding]: "base64",
  };
  expect(normalized("state", artifact)).toMatchObject({
    artifact: { media_type: "image/png", sha256: HASH, size_bytes: 2 },
    content: { output: '{"bytes":"AAE="}' },
  });
  expect(normalized("state", artifact)).not.toHaveProperty("state");
});

it("reads a score and a limit", () => {
  const score = {
    [GEN_AI.evaluationScore]: 0.9,
    [GEN_AI.evaluationLabel]: "good",
    [GEN_AI.evaluationExplanation]: "kind",
  };
  expect(normalized("other", score)).toMatchObject({
    score: { value: 0.9, label: "good" },
    content: { output: '"kind"' },
  });
  const limit = {
    [RUNLEDGER.limitName]: "cost_usd",
    [RUNLEDGER.limitMax]: 2,
    [RUNLEDGER.limitReached]: 2.25,
    [RUNLEDGER.limitRunning]: 3,
  };
  expect(normalized("limit", limit).limit).toEqual({ name: "cost_usd", max: 2, reached: 2.25, running: 3 });
});

it("keeps what is no such fact as an attribute, and leaves absent what was not told", () => {
  const step = normalized("guardrail", { [RUNLEDGER.guardrailPassed]: "yes", [RUNLEDGER.artifactSha256]: "short" });
  expect(step).not.toHaveProperty("guardrail");
  expect(step).not.toHaveProperty("artifact");
  expect(step.attributes).toMatchObject({ [RUNLEDGER.guardrailPassed]: "yes" });
});

it("reads how a tool call was let through", () => {
  const step = normalized("tool", {
    [GEN_AI.operationName]: "execute_tool",
    [GEN_AI.toolName]: "pay",
    [RUNLEDGER.toolSideEffect]: "irreversible",
    [RUNLEDGER.toolPermission]: "payments:write",
    [RUNLEDGER.toolPrincipal]: "kim",
    [RUNLEDGER.toolConfirmed]: false,
    [RUNLEDGER.toolSameAs]: "00f067aa0ba902b8",
    [RUNLEDGER.toolCutToBytes]: 100,
    [RUNLEDGER.toolFallback]: true,
  });
  expect(step.tool).toMatchObject({
    side_effect: "irreversible",
    permission: "payments:write",
    principal: "kim",
    confirmed: false,
    same_as: "00f067aa0ba902b8",
    cut_to_bytes: 100,
    fallback: true,
  });
});

it("takes the hash of what the agent withheld for the hash of the content, and tells what was redacted", () => {
  const step = normalized("tool", {
    [GEN_AI.operationName]: "execute_tool",
    [GEN_AI.toolName]: "pay",
    [RUNLEDGER.content]: "hashes",
    [RUNLEDGER.contentRedacted]: ["email 2", "not of ours"],
    [RUNLEDGER.contentWithheld]: [`gen_ai.tool.call.arguments 17 ${HASH}`, `gen_ai.tool.call.result 40 ${HASH}`],
    [RUNLEDGER.redactionFailed]: ["mine"],
  });
  expect(step.tool).toMatchObject({ arguments_sha256: HASH, result_sha256: HASH, result_bytes: 40 });
  expect(step).toMatchObject({
    privacy: {
      content: "hashes",
      redacted: [{ count: 2, kind: "email" }],
      withheld: [{ name: "gen_ai.tool.call.arguments", size_bytes: 17 }, { name: "gen_ai.tool.call.result" }],
      failed: ["mine"],
    },
    content: {},
    attributes: {},
  });
});
