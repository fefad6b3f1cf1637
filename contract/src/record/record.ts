import { z } from "zod";
import { AGENT_FACTS, TOOL_SAFETY } from "./agent-facts.ts";

/**
 * What a record tells of its run. Only `step` records appear in a run's steps. A `log` is an OTLP log record: its `step_id` is the span
 * that it belongs to ("" when none), whose content it may carry. A `metric` is an OTLP metric and belongs to no run. An `act` tells what
 * somebody did by the query API; it belongs to no run either (`run_id` ""), and nobody but the query API can write one.
 */
export const RECORD_EVENTS = ["run_start", "run_heartbeat", "step", "run_end", "log", "metric", "act"] as const;
export const STEP_KINDS = [
  "llm",
  "tool",
  "decision",
  "guardrail",
  "approval",
  "handoff",
  "state",
  "limit",
  "agent",
  "other",
] as const;
/** How a run ended, as its end record says it; `running` and `abandoned` are conclusions of the reader. */
export const END_STATUSES = ["completed", "failed", "stopped", "killed", "handed_off"] as const;
export const RUN_STATUSES = ["running", ...END_STATUSES, "abandoned"] as const;

export type RecordEvent = (typeof RECORD_EVENTS)[number];
export type StepKind = (typeof STEP_KINDS)[number];
export type EndStatus = (typeof END_STATUSES)[number];
export type RunStatus = (typeof RUN_STATUSES)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const keyId = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.number().int().nonnegative();
const text = z.string();
/** RFC 3339, UTC, always nine digits of nanoseconds; a day that there is. */
export const time = z.iso.datetime({ precision: 9 });
/** An object whose members somebody else named. zod's own record would leave out one that is called `__proto__`. */
export const freeMembers = z.custom<Record<string, unknown>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "must be an object",
);

/** Where a payload lies: `pack` is an object of many payloads, named by its own sha256 (paths: `packPath`). */
export const payloadRef = z
  .strictObject({
    /** sha256 of the stored bytes, as `size_bytes` and `offset` are of them. */
    sha256,
    size_bytes: count,
    media_type: text,
    pack: sha256,
    offset: count,
    /** Which data key it is sealed under (`payload-seal.ts`), and the commitment to its plaintext. Both absent: it lies in the clear. */
    key_id: keyId.optional(),
    commitment: sha256.optional(),
    /** What is sealed is the plaintext deflated (RFC 1951), which has so many bytes. Absent: it is the plaintext. */
    inflated_bytes: count.optional(),
  })
  .refine(({ key_id, commitment }) => (key_id === undefined) === (commitment === undefined), {
    message: "key_id and commitment belong together",
  })
  .refine(({ key_id, inflated_bytes }) => inflated_bytes === undefined || key_id !== undefined, {
    message: "only what is sealed is deflated",
  });
export type PayloadRef = z.infer<typeof payloadRef>;

/**
 * The parts of a step that are content. Each is JSON text, but for `raw_request` and `raw_response`, which are bodies as they came, and for what
 * `arguments`, `result`, `input` and `output` hold that only looked like JSON (`KEPT_MEDIA_TYPE`).
 */
export const PAYLOAD_NAMES = [
  "system_prompt",
  "messages",
  "tool_definitions",
  "response",
  "parameters",
  "raw_response",
  "arguments",
  "result",
  /** What went into and came out of a step that is neither model call nor tool call: a chain's state, a retriever's query and documents. */
  "input",
  "output",
  /** The model's request as the instrumentation wrote it down, beside the messages read out of it. */
  "raw_request",
  /** What made the entry too large: the `attributes`, `events` and `links` as one JSON object. */
  "overflow",
] as const;
export type PayloadName = (typeof PAYLOAD_NAMES)[number];

/**
 * Of `arguments`, `result`, `input` and `output`: the value's JSON text, or text as the sender had it that begins and ends as an object or a list does, which
 * the collector takes at its word. What is no JSON is that text itself (`keptValue`). Entries of before this type say `application/json`, and all are JSON.
 */
export const KEPT_MEDIA_TYPE = "application/vnd.runledger.value";

/** Facts of the run that this record knows; null is unknown. Resolved per run by the readers. */
const runFacts = z.strictObject({
  task_id: text.nullable(),
  task_type: text.nullable(),
  agent_name: text.nullable(),
  agent_version: text.nullable(),
  session_id: text.nullable(),
  user_id: text.nullable(),
  /** On run_start and heartbeats: how often this run promises a sign of life, ms. */
  heartbeat_interval_ms: count.nullable(),
});
export type RunFacts = z.infer<typeof runFacts>;

/** A tool call that the model asked for. */
const toolRequest = z.strictObject({
  call_id: text.nullable(),
  name: text,
  /** As `tool.arguments_sha256`. */
  arguments_sha256: sha256.nullable(),
});
/** A tool's result that the model was given in this call for the first time: it stands after the last answer of the model. */
const toolResult = z.strictObject({
  /** "" when nobody says: then `name` does. */
  call_id: text,
  result_sha256: sha256,
  result_bytes: count,
  /** Of the tool; only of a result without call id. */
  name: text.optional(),
  /** True when the message calls the result an error; else absent. */
  is_error: z.boolean().optional(),
});

/** Cached ones are parts of the input. Absent: nobody says. */
const modalityTokens = z.strictObject({
  input_tokens: count.optional(),
  output_tokens: count.optional(),
  cache_read_tokens: count.optional(),
});

const llmFacts = z.strictObject({
  provider: text.nullable(),
  request_model: text.nullable(),
  response_model: text.nullable(),
  response_id: text.nullable(),
  system_prompt_sha256: sha256.nullable(),
  prompt_sha256: sha256.nullable(),
  tools_sha256: sha256.nullable(),
  finish_reasons: z.array(text),
  /** Everything the model read, cached tokens included. */
  input_tokens: count.nullable(),
  /** Everything the model wrote, reasoning included. */
  output_tokens: count.nullable(),
  cache_read_tokens: count.nullable(),
  cache_write_tokens: count.nullable(),
  /** The part of `cache_write_tokens` that is kept for an hour and costs more; absent where nobody says. */
  cache_write_1h_tokens: count.optional(),
  reasoning_tokens: count.nullable(),
  /** Parts of the tokens above that are no text and may have prices of their own; absent where nobody tells of any. */
  audio_tokens: modalityTokens.optional(),
  image_tokens: modalityTokens.optional(),
  time_to_first_token_ms: z.number().nonnegative().nullable(),
  streaming: z.boolean().nullable(),
  /** False for wrapper spans, embeddings of totals and the like: such tokens are never added to the run's. */
  counted: z.boolean(),
  tool_requests: z.array(toolRequest),
  tool_results: z.array(toolResult),
});
export type LlmFacts = z.infer<typeof llmFacts>;

const toolFacts = z.strictObject({
  name: text,
  call_id: text.nullable(),
  /** step_id of the model call that asked for it. */
  requested_by: text.nullable(),
  arguments_sha256: sha256.nullable(),
  result_sha256: sha256.nullable(),
  result_bytes: count.nullable(),
  attempt: count.nullable(),
  idempotency_key: text.nullable(),
  /** Is it among the tools offered? */
  known: z.boolean().nullable(),
  /** Do its arguments fit its schema? */
  valid: z.boolean().nullable(),
  /** Seen in the messages only, not executed under our eyes. */
  inferred: z.boolean(),
  ...TOOL_SAFETY,
});
export type ToolFacts = z.infer<typeof toolFacts>;

/** What the run's end says. `records` is the number of records the SDK sent for the run, this one included. */
const endFacts = z.strictObject({
  status: z.enum(END_STATUSES),
  outcome: text.nullable(),
  reason: text.nullable(),
  records: count.nullable(),
});
export type EndFacts = z.infer<typeof endFacts>;

/** Of an `act`: who did what to what, and why. Content is never in it. */
export const actFacts = z.strictObject({
  /** `content.read`, `key.create`, `alert_rule.change`, … */
  action: text,
  /** `key_id` null: no key of ours, so the installation's own one or none at all; `name` tells which. */
  actor: z.strictObject({ key_id: text.nullable(), name: text, roles: z.array(text) }),
  /** In the actor's words; null when none were given. */
  reason: text.nullable(),
  /** What it was done to: ids and settings, by the action. */
  target: freeMembers,
});
export type ActFacts = z.infer<typeof actFacts>;

/** Decimal USD, exact to 1e-9, as a string, with the price table it came from. */
const costFacts = z.strictObject({
  usd: z.string().regex(/^\d+(\.\d{1,9})?$/),
  price_table: text,
  price_version: text,
});
export type CostFacts = z.infer<typeof costFacts>;

/** Of a `run_id`: a longer one that a sender names is no run's. */
export const MAX_RUN_ID_CHARS = 512;

/** A run that promises no heartbeats and has not ended is abandoned after this silence, ms. */
export const SILENCE_ABANDONS_MS = 15 * 60_000;
/** One that promises them, after so many missed ones … */
export const HEARTBEATS_MISSED = 3;
/** … but never before this silence, ms. */
export const HEARTBEAT_SILENCE_MS = 60_000;

/** One entry of the audit log: its RFC 8785 text is the leaf, at most `MAX_ENTRY_BYTES`. */
export const record = z.strictObject({
  v: z.literal(1),
  /** sha256 of the canonical client-made content (`recordId`); the same span sent twice has the same one. */
  record_id: sha256,
  tenant: text,
  event: z.enum(RECORD_EVENTS),
  kind: z.enum(STEP_KINDS),
  name: text,
  /** `gen_ai.operation.name` or the dialect's word for it: chat, embeddings, retrieval, execute_tool, invoke_agent, … */
  operation: text.nullable(),
  run_id: text,
  /** 32 hex digits. */
  trace_id: text,
  /** The span id, 16 hex digits. */
  step_id: text,
  parent_id: text.nullable(),
  /** The span has no parent. */
  root: z.boolean(),
  dialect: text,
  start_time: time,
  end_time: time,
  /** When the collector journalled it. Not part of record_id. */
  received_time: time,
  status: z.enum(["ok", "error", "unset"]),
  error: z.strictObject({ type: text, message: text.nullable() }).nullable(),
  /** The SDK's number of this record within its run, from 0. */
  run_seq: count.nullable(),
  /** `record_id` of the record before this one in its run, as the SDK made it: what was there, and in this order. Absent: the first, or a sender without a chain. */
  run_prev: sha256.optional(),
  run: runFacts,
  llm: llmFacts.nullable(),
  tool: toolFacts.nullable(),
  end: endFacts.nullable(),
  ...AGENT_FACTS,
  cost: costFacts.nullable(),
  /** With `event: act` only. */
  act: actFacts.optional(),
  /** Another record with the same span id and other content came before. */
  conflict: z.boolean(),
  /** What no dialect claimed. */
  attributes: freeMembers,
  events: z.array(z.unknown()),
  links: z.array(z.unknown()),
  resource: freeMembers,
  scope: z.strictObject({ name: text, version: text, attributes: freeMembers.optional() }),
  payloads: z.partialRecord(z.enum(PAYLOAD_NAMES), payloadRef),
});
export type RunledgerRecord = z.infer<typeof record>;

/** An entry of the log must fit the uint16 length of a tlog-tiles bundle; we stay below, as the design says. */
export const MAX_ENTRY_BYTES = 60_000;

/**
 * The stored form of a message list (media type `MESSAGES_MEDIA_TYPE`): `base` is the payload that holds the messages before,
 * so a history resent at each step costs its new messages only. Read by following `base` to null; its `pack` is SAME_PACK where it
 * lies in the pack of the list itself, which can't hold its own hash.
 */
export const messageListHead = z.strictObject({
  base: payloadRef.nullable(),
  /** Number of messages in `base`, its bases included. */
  base_count: count,
});
export const MESSAGES_MEDIA_TYPE = "application/vnd.runledger.messages+json";

/**
 * The head of a text that is stored as its difference to another (media type `DELTA_MEDIA_TYPE`): one line of RFC 8785 JSON, a newline, then the
 * node's own bytes. The text is its `pieces` one behind the other: `[from, length]` are bytes of `base`'s text, a number are so many of the own bytes.
 * `base` as in a message list; it may be one, whose text is the JSON array of its messages with nothing between them but commas.
 */
export const textDelta = z.strictObject({
  base: payloadRef,
  pieces: z.array(z.union([count, z.tuple([count, count])])).max(1_000),
  /** Of the whole text. */
  sha256,
  size_bytes: count,
});
export const DELTA_MEDIA_TYPE = "application/vnd.runledger.delta";
