import { MAX_ENTRY_BYTES, PAYLOAD_NAMES, type RunledgerRecord, record } from "@runledger/contract";
import { expect, it } from "vitest";
import { entryText, type Payloads } from "./entry.ts";
import { cutAllMembers, withoutCutTexts } from "./overflow.ts";

/** Six bytes each in JSON: nothing takes more. */
const LONG = "\u0000".repeat(1_000);
const HASH = "ab".repeat(32);
const REF = { sha256: HASH, size_bytes: 2 ** 53 - 1, media_type: "x".repeat(100), pack: HASH, offset: 2 ** 53 - 1 };
const TIME = "2026-01-01T00:00:00.000000000Z";

/** Whatever can be long is. */
const longest: RunledgerRecord = {
  v: 1,
  record_id: HASH,
  tenant: LONG,
  event: "run_heartbeat",
  kind: "guardrail",
  name: LONG,
  operation: LONG,
  run_id: LONG,
  trace_id: "cd".repeat(16),
  step_id: "ef".repeat(8),
  parent_id: LONG,
  root: false,
  dialect: LONG,
  start_time: TIME,
  end_time: TIME,
  received_time: TIME,
  status: "error",
  error: { type: LONG, message: LONG },
  run_seq: 1,
  run: {
    task_id: LONG,
    task_type: LONG,
    agent_name: LONG,
    agent_version: LONG,
    session_id: LONG,
    user_id: LONG,
    heartbeat_interval_ms: 1,
  },
  llm: {
    provider: LONG,
    request_model: LONG,
    response_model: LONG,
    response_id: LONG,
    system_prompt_sha256: HASH,
    prompt_sha256: HASH,
    tools_sha256: HASH,
    finish_reasons: Array.from({ length: 100 }, () => LONG),
    input_tokens: 1,
    output_tokens: 1,
    cache_read_tokens: 1,
    cache_write_tokens: 1,
    reasoning_tokens: 1,
    time_to_first_token_ms: 1,
    streaming: true,
    counted: true,
    tool_requests: Array.from({ length: 100 }, () => ({ call_id: LONG, name: LONG, arguments_sha256: HASH })),
    tool_results: Array.from({ length: 100 }, () => ({ call_id: LONG, result_sha256: HASH, result_bytes: 1 })),
  },
  tool: {
    name: LONG,
    call_id: LONG,
    requested_by: LONG,
    arguments_sha256: HASH,
    result_sha256: HASH,
    result_bytes: 1,
    attempt: 1,
    idempotency_key: LONG,
    known: true,
    valid: true,
    inferred: false,
    side_effect: "irreversible",
    permission: LONG,
    principal: LONG,
    confirmed: false,
    same_as: LONG,
    cut_to_bytes: 1,
    fallback: false,
  },
  end: { status: "handed_off", outcome: LONG, reason: LONG, records: 1 },
  decision: { options: Array.from({ length: 100 }, () => LONG), choice: LONG, confidence: 0.123456789 },
  guardrail: { passed: false, rule: LONG, target: LONG },
  approval: { tool: LONG, approved: false, by: LONG },
  handoff: { to: LONG },
  state: { id: LONG, store: LONG },
  artifact: { media_type: LONG, sha256: HASH, size_bytes: 1 },
  score: { value: 0.123456789, label: LONG },
  limit: { name: LONG, max: 1, reached: 1, running: 1 },
  cost: null,
  conflict: false,
  attributes: { a: LONG },
  events: [LONG],
  links: [LONG],
  resource: { a: LONG },
  scope: { name: LONG, version: LONG, attributes: { a: LONG } },
  payloads: Object.fromEntries(PAYLOAD_NAMES.map((name) => [name, REF])) as Payloads,
};

it("fits the longest record into an entry that still is one, and keeps aside whatever it cut", () => {
  const { record: cut, movedText } = cutAllMembers(longest);
  expect(Buffer.byteLength(entryText(cut))).toBeLessThanOrEqual(MAX_ENTRY_BYTES);
  expect(record.safeParse(cut).success).toBe(true);
  expect(entryText({ ...cut, ...JSON.parse(movedText) })).toBe(entryText(longest));
});

it("leaves nothing of a long name, nor of what went wrong, where the rest can't be opened any more", () => {
  const left = withoutCutTexts(cutAllMembers(longest).record);
  expect(left.run).toMatchObject({ user_id: null, session_id: expect.any(String) });
  expect([left.error?.message, left.end?.reason]).toEqual([null, null]);
  const short = { ...longest, run: { ...longest.run, user_id: "ann" } };
  expect(withoutCutTexts(short)).toBe(short);
});
