import { canonicalJson, type RunledgerRecord, record } from "@runledger/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import { entryText, wellFormed } from "./entry.ts";

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }));
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(value, { nil: null });
const free = fc.dictionary(fc.oneof(text, fc.stringMatching(/^\d{1,3}$/)), fc.jsonValue());
const place = { sha256: hash, size_bytes: fc.nat(), media_type: text, pack: hash, offset: fc.nat() };
const keyId = fc.constant("0f".repeat(16));
const ref = fc.oneof(fc.record(place), fc.record({ ...place, key_id: keyId, commitment: hash }));
const time = fc.constant("2026-01-01T00:00:00.000000000Z");

/** Those that every tool call has. */
const TOOL_MEMBERS = [
  ...(["name", "call_id", "requested_by", "arguments_sha256", "result_sha256", "result_bytes"] as const),
  ...(["attempt", "idempotency_key", "known", "valid", "inferred"] as const),
];
const score = fc.double({ noNaN: true, noDefaultInfinity: true });
/** Each there or not. */
const facts = fc.record(
  {
    decision: fc.record({ options: fc.array(text, { maxLength: 3 }), choice: maybe(text), confidence: maybe(score) }),
    guardrail: fc.record({ passed: fc.boolean(), rule: maybe(text), target: maybe(text) }),
    approval: fc.record({ tool: maybe(text), approved: fc.boolean(), by: maybe(text) }),
    handoff: fc.record({ to: text }),
    state: fc.record({ id: maybe(text), store: maybe(text) }),
    artifact: fc.record({ media_type: text, sha256: hash, size_bytes: fc.nat() }),
    score: fc.record({ value: maybe(score), label: maybe(text) }),
    limit: fc.record({ name: text, max: score, reached: score, running: maybe(fc.nat()) }),
  },
  { requiredKeys: [] },
);

/** Any record, with members in an order of its own. */
const plainRecords: fc.Arbitrary<RunledgerRecord> = fc.record({
  v: fc.constant(1 as const),
  record_id: hash,
  tenant: text,
  event: fc.constant("step" as const),
  kind: fc.constant("llm" as const),
  name: text,
  operation: maybe(text),
  run_id: text,
  trace_id: text,
  step_id: text,
  parent_id: maybe(text),
  root: fc.boolean(),
  dialect: text,
  start_time: time,
  end_time: time,
  received_time: time,
  status: fc.constant("ok" as const),
  error: maybe(fc.record({ type: text, message: maybe(text) })),
  run_seq: maybe(fc.nat()),
  run: fc.record({
    task_id: maybe(text),
    task_type: maybe(text),
    agent_name: maybe(text),
    agent_version: maybe(text),
    session_id: maybe(text),
    user_id: maybe(text),
    heartbeat_interval_ms: maybe(fc.nat()),
  }),
  llm: maybe(
    fc.record({
      provider: maybe(text),
      request_model: maybe(text),
      response_model: maybe(text),
      response_id: maybe(text),
      system_prompt_sha256: maybe(hash),
      prompt_sha256: maybe(hash),
      tools_sha256: maybe(hash),
      finish_reasons: fc.array(text),
      input_tokens: maybe(fc.nat()),
      output_tokens: maybe(fc.nat()),
      cache_read_tokens: maybe(fc.nat()),
      cache_write_tokens: maybe(fc.nat()),
      cache_write_1h_tokens: fc.nat(),
      audio_tokens: fc.record(
        { input_tokens: fc.nat(), output_tokens: fc.nat(), cache_read_tokens: fc.nat() },
        { requiredKeys: [] },
      ),
      image_tokens: fc.record({ output_tokens: fc.nat(), input_tokens: fc.nat() }, { requiredKeys: [] }),
      reasoning_tokens: maybe(fc.nat()),
      time_to_first_token_ms: maybe(fc.double({ min: 0, max: 1e9, noNaN: true })),
      streaming: maybe(fc.boolean()),
      counted: fc.boolean(),
      tool_requests: fc.array(
        fc.record({ call_id: maybe(text), name: text, arguments_sha256: maybe(fc.constant("ab".repeat(32))) }),
        { maxLength: 2 },
      ),
      tool_results: fc.array(
        fc.record(
          {
            call_id: text,
            name: text,
            is_error: fc.boolean(),
            ...{ result_sha256: fc.constant("cd".repeat(32)), result_bytes: fc.nat() },
          },
          { requiredKeys: ["call_id", "result_sha256", "result_bytes"] },
        ),
        { maxLength: 2 },
      ),
    }),
  ),
  tool: maybe(
    fc.record(
      {
        name: text,
        call_id: maybe(text),
        requested_by: maybe(text),
        arguments_sha256: maybe(hash),
        result_sha256: maybe(hash),
        result_bytes: maybe(fc.nat()),
        attempt: maybe(fc.nat()),
        idempotency_key: maybe(text),
        known: maybe(fc.boolean()),
        valid: maybe(fc.boolean()),
        inferred: fc.boolean(),
        side_effect: fc.constant("irreversible" as const),
        permission: text,
        principal: text,
        confirmed: fc.boolean(),
        same_as: text,
        cut_to_bytes: fc.nat(),
        fallback: fc.boolean(),
      },
      { requiredKeys: TOOL_MEMBERS },
    ),
  ),
  end: maybe(
    fc.record({
      status: fc.constant("failed" as const),
      outcome: maybe(text),
      reason: maybe(text),
      records: maybe(fc.nat()),
    }),
  ),
  act: fc.record({
    action: text,
    actor: fc.record({ key_id: maybe(text), name: text, roles: fc.array(text) }),
    reason: maybe(text),
    target: free,
  }),
  cost: maybe(fc.record({ usd: fc.constant("0.5"), price_table: text, price_version: text })),
  conflict: fc.boolean(),
  attributes: free,
  events: fc.array(fc.jsonValue()),
  links: fc.array(fc.jsonValue()),
  resource: free,
  scope: fc.record({ name: text, version: text, attributes: free }, { requiredKeys: ["name", "version"] }),
  payloads: fc.record(
    {
      messages: ref,
      response: ref,
      arguments: ref,
      result: ref,
      overflow: ref,
      system_prompt: ref,
      tool_definitions: ref,
      parameters: ref,
      raw_response: ref,
    },
    { requiredKeys: [] },
  ),
});

const records = fc.tuple(plainRecords, facts).map(([value, more]): RunledgerRecord => ({ ...value, ...more }));

test("an entry is the canonical JSON of its record, whatever is in it", () => {
  fc.assert(
    fc.property(records, (value) => {
      const text = entryText(value);
      expect(text).toBe(canonicalJson(wellFormed(value)));
      expect(record.safeParse(JSON.parse(text)).success).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("members that JavaScript puts first, half characters and values beyond JSON do not disturb the order", () => {
  fc.assert(
    fc.property(records, (value) => {
      const odd = { b: "\ud800", "10": Number.NaN, "9": 10n, ["__proto__"]: { z: 1 }, a: "\\ud800" };
      const changed = { ...value, attributes: odd };
      expect(canonicalJson(JSON.parse(entryText(changed)))).toBe(entryText(changed));
    }),
    { numRuns: 20 },
  );
});
