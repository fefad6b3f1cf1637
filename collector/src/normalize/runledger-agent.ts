import { type AgentFacts, GEN_AI, RUNLEDGER, type StepKind } from "@runledger/contract";
import { keptText } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import type { AttributeReader } from "./span-view.ts";

/** What the agent told of itself by `ledger.decision` and its like. A fact without its main part is none, and stays an attribute. */
export function agentFactsOf(kind: StepKind, attributes: AttributeReader): AgentFacts {
  return known({
    decision: kind === "decision" ? decisionOf(attributes) : null,
    guardrail: guardrailOf(attributes),
    approval: approvalOf(attributes),
    handoff: toOf(attributes),
    state: kind === "state" ? stateOf(attributes) : null,
    artifact: artifactOf(attributes),
    score: scoreOf(attributes),
    limit: limitOf(attributes),
    privacy: privacyOf(attributes),
  });
}

/** Reasons, states, memories and artifacts: what went into the step, and what came out of it. */
export function agentContentOf(attributes: AttributeReader): Content {
  const json = (key: string) => {
    const value = attributes.value(key);
    return value === null ? null : keptText(value, attributes.memo.parse);
  };
  const words = (key: string) => {
    const text = attributes.text(key);
    return text === null ? null : JSON.stringify(text);
  };
  return known({
    input: words(GEN_AI.memoryQuery),
    output:
      artifactContentOf(attributes) ??
      json(RUNLEDGER.checkpointState) ??
      json(GEN_AI.memoryRecords) ??
      words(GEN_AI.evaluationExplanation) ??
      words(RUNLEDGER.stepReason),
  });
}

/** Without what is null. */
export function known<Members extends object>(
  members: Members,
): { [Member in keyof Members]?: NonNullable<Members[Member]> } {
  const entries = Object.entries(members).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as { [Member in keyof Members]?: NonNullable<Members[Member]> };
}

function decisionOf(attributes: AttributeReader): AgentFacts["decision"] | null {
  const options = attributes.texts(RUNLEDGER.decisionOptions);
  const choice = attributes.text(RUNLEDGER.decisionChoice);
  const confidence = attributes.number(RUNLEDGER.decisionConfidence);
  return choice === null && options.length === 0 ? null : { options, choice, confidence };
}

function guardrailOf(attributes: AttributeReader): AgentFacts["guardrail"] | null {
  const passed = attributes.boolean(RUNLEDGER.guardrailPassed);
  if (passed === null) return null;
  const rule = attributes.text(RUNLEDGER.guardrailRule);
  return { passed, rule, target: attributes.text(RUNLEDGER.guardrailTarget) };
}

function approvalOf(attributes: AttributeReader): AgentFacts["approval"] | null {
  const approved = attributes.boolean(RUNLEDGER.approvalApproved);
  if (approved === null) return null;
  return { tool: attributes.text(RUNLEDGER.approvalTool), approved, by: attributes.text(RUNLEDGER.approvalBy) };
}

function toOf(attributes: AttributeReader): AgentFacts["handoff"] | null {
  const to = attributes.text(RUNLEDGER.handoffTo);
  return to === null ? null : { to };
}

function stateOf(attributes: AttributeReader): AgentFacts["state"] | null {
  const id = attributes.text(RUNLEDGER.checkpointId) ?? attributes.text(GEN_AI.memoryRecordId);
  const store = attributes.text(GEN_AI.memoryStoreId);
  return id === null && store === null ? null : { id, store };
}

function artifactOf(attributes: AttributeReader): AgentFacts["artifact"] | null {
  const sha256 = attributes.text(RUNLEDGER.artifactSha256);
  const size_bytes = attributes.count(RUNLEDGER.artifactSizeBytes);
  if (sha256 === null || !/^[0-9a-f]{64}$/.test(sha256) || size_bytes === null) return null;
  return { sha256, size_bytes, media_type: attributes.text(RUNLEDGER.artifactMediaType) ?? "application/octet-stream" };
}

/** Bytes that are no text are a JSON object of one member, as everywhere. */
function artifactContentOf(attributes: AttributeReader): string | null {
  const content = attributes.text(RUNLEDGER.artifactContent);
  if (content === null) return null;
  const isBytes = attributes.oneOf(RUNLEDGER.artifactEncoding, ["base64"]) !== null;
  return JSON.stringify(isBytes ? { bytes: content } : content);
}

function scoreOf(attributes: AttributeReader): AgentFacts["score"] | null {
  const value = attributes.number(GEN_AI.evaluationScore);
  const label = attributes.text(GEN_AI.evaluationLabel);
  return value === null && label === null ? null : { value, label };
}

function limitOf(attributes: AttributeReader): AgentFacts["limit"] | null {
  const max = attributes.number(RUNLEDGER.limitMax);
  const reached = attributes.number(RUNLEDGER.limitReached);
  if (max === null || reached === null) return null;
  const name = attributes.text(RUNLEDGER.limitName) ?? "unknown";
  return { name, max, reached, running: attributes.count(RUNLEDGER.limitRunning) };
}

const REDACTED = /^([\w-]{1,40}) (\d{1,9})$/;
const WITHHELD = /^([\w.-]{1,200}) (\d{1,12}) ([0-9a-f]{64})$/;

/** What is not of the form is not of ours, and left out. */
function privacyOf(attributes: AttributeReader): AgentFacts["privacy"] | null {
  const content = attributes.oneOf(RUNLEDGER.content, ["redacted", "hashes"]);
  if (content === null) return null;
  return {
    content,
    redacted: matches(attributes.texts(RUNLEDGER.contentRedacted), REDACTED).map(([, kind = "", count]) => ({
      count: Number(count),
      kind,
    })),
    withheld: matches(attributes.texts(RUNLEDGER.contentWithheld), WITHHELD).map(([, name = "", bytes, hash = ""]) => ({
      hash,
      name,
      size_bytes: Number(bytes),
    })),
    failed: attributes.texts(RUNLEDGER.redactionFailed),
  };
}

function matches(texts: readonly string[], form: RegExp): RegExpExecArray[] {
  return texts.flatMap((text) => {
    const found = form.exec(text);
    return found === null ? [] : [found];
  });
}
