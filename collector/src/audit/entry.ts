import {
  type ActFacts,
  canonicalJson,
  type LlmFacts,
  PAYLOAD_NAMES,
  type PayloadName,
  type PayloadRef,
  type RunledgerRecord,
  type ToolFacts,
} from "@runledger/contract";

export type Payloads = Partial<Record<PayloadName, PayloadRef>>;

/**
 * The RFC 8785 text of a record. The members are written here in their canonical order, so that JSON.stringify does the work
 * (several times faster than sorting); what a client named freely is put in order first.
 */
export function entryText(record: RunledgerRecord): string {
  const { attributes, events, links, resource, scope, act } = record;
  const free = [attributes, events, links, resource, scope.attributes ?? null, act?.target ?? null].map(ordered);
  if (free.some((value) => value === NEEDS_SORTING)) return canonicalJson(wellFormed(record));
  const text = JSON.stringify(inOrder(record, free));
  // JSON.stringify writes half a surrogate pair as an escape, which RFC 8785 does not know.
  return text.includes("\\ud") ? canonicalJson(wellFormed(record)) : text;
}

/** JSON that RFC 8785 can write: half surrogate pairs replaced, NaN and infinities as strings, bigint as decimal strings. */
export function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) return String(value);
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value ?? null;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([key, member]) => [key.toWellFormed(), wellFormed(member)]));
}

const NEEDS_SORTING = Symbol("needs sorting");

/** The value with its objects' members in order, NEEDS_SORTING when JavaScript would not keep that order. */
function ordered(value: unknown): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : NEEDS_SORTING;
    case "object":
      if (value === null) return null;
      return Array.isArray(value) ? orderedArray(value) : orderedObject(value);
    default:
      return NEEDS_SORTING;
  }
}

function orderedArray(items: readonly unknown[]): unknown {
  const result = items.map(ordered);
  return result.includes(NEEDS_SORTING) ? NEEDS_SORTING : result;
}

function orderedObject(object: object): unknown {
  const members = object as Record<string, unknown>;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(members).sort()) {
    const first = key.charCodeAt(0);
    // A key of digits is an index to JavaScript and goes first whatever we do; __proto__ is no member at all.
    const member = (first >= 48 && first <= 57) || key === "__proto__" ? NEEDS_SORTING : ordered(members[key]);
    if (member === NEEDS_SORTING) return NEEDS_SORTING;
    result[key] = member;
  }
  return result;
}

/** A change of the record's schema shows here as a type error, and in the test that compares with `canonicalJson`. */
function inOrder(record: RunledgerRecord, free: unknown[]): object {
  const [attributes, events, links, resource, scopeAttributes, actTarget] = free;
  const { act, cost, end, error, scope } = record;
  const text: { [Member in keyof Required<RunledgerRecord>]: unknown } = {
    act: act && actInOrder(act, actTarget),
    approval: factInOrder(record.approval),
    artifact: factInOrder(record.artifact),
    attributes,
    conflict: record.conflict,
    cost: cost && { price_table: cost.price_table, price_version: cost.price_version, usd: cost.usd },
    decision: factInOrder(record.decision),
    dialect: record.dialect,
    end: end && { outcome: end.outcome, reason: end.reason, records: end.records, status: end.status },
    end_time: record.end_time,
    error: error && { message: error.message, type: error.type },
    event: record.event,
    events,
    guardrail: factInOrder(record.guardrail),
    handoff: factInOrder(record.handoff),
    kind: record.kind,
    limit: factInOrder(record.limit),
    links,
    llm: llmInOrder(record.llm),
    name: record.name,
    operation: record.operation,
    parent_id: record.parent_id,
    payloads: payloadsInOrder(record.payloads),
    privacy: factInOrder(record.privacy),
    received_time: record.received_time,
    record_id: record.record_id,
    resource,
    root: record.root,
    run: runInOrder(record.run),
    run_id: record.run_id,
    run_prev: record.run_prev,
    run_seq: record.run_seq,
    scope: {
      ...(scopeAttributes === null ? {} : { attributes: scopeAttributes }),
      name: scope.name,
      version: scope.version,
    },
    score: factInOrder(record.score),
    start_time: record.start_time,
    state: factInOrder(record.state),
    status: record.status,
    step_id: record.step_id,
    tenant: record.tenant,
    tool: toolInOrder(record.tool),
    trace_id: record.trace_id,
    v: record.v,
  };
  return text;
}

function actInOrder({ action, actor, reason }: ActFacts, target: unknown): { [Member in keyof ActFacts]: unknown } {
  return { action, actor: { key_id: actor.key_id, name: actor.name, roles: actor.roles }, reason, target };
}

/** Absent is absent: JSON.stringify leaves such members out. Its values are plain. */
function factInOrder<Fact extends object>(fact: Fact | undefined): object | undefined {
  return fact && Object.fromEntries(Object.entries(fact).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function runInOrder(run: RunledgerRecord["run"]): { [Member in keyof RunledgerRecord["run"]]: unknown } {
  return {
    agent_name: run.agent_name,
    agent_version: run.agent_version,
    heartbeat_interval_ms: run.heartbeat_interval_ms,
    session_id: run.session_id,
    task_id: run.task_id,
    task_type: run.task_type,
    user_id: run.user_id,
  };
}

function llmInOrder(llm: RunledgerRecord["llm"]): { [Member in keyof LlmFacts]: unknown } | null {
  if (llm === null) return null;
  return {
    audio_tokens: factInOrder(llm.audio_tokens),
    cache_read_tokens: llm.cache_read_tokens,
    cache_write_1h_tokens: llm.cache_write_1h_tokens,
    cache_write_tokens: llm.cache_write_tokens,
    counted: llm.counted,
    finish_reasons: llm.finish_reasons,
    image_tokens: factInOrder(llm.image_tokens),
    input_tokens: llm.input_tokens,
    output_tokens: llm.output_tokens,
    prompt_sha256: llm.prompt_sha256,
    provider: llm.provider,
    reasoning_tokens: llm.reasoning_tokens,
    request_model: llm.request_model,
    response_id: llm.response_id,
    response_model: llm.response_model,
    streaming: llm.streaming,
    system_prompt_sha256: llm.system_prompt_sha256,
    time_to_first_token_ms: llm.time_to_first_token_ms,
    tool_requests: llm.tool_requests.map(({ arguments_sha256, call_id, name }) => ({
      arguments_sha256,
      call_id,
      name,
    })),
    tool_results: llm.tool_results.map(({ call_id, is_error, name, result_bytes, result_sha256 }) => ({
      call_id,
      ...(is_error === undefined ? {} : { is_error }),
      ...(name === undefined ? {} : { name }),
      result_bytes,
      result_sha256,
    })),
    tools_sha256: llm.tools_sha256,
  };
}

function toolInOrder(tool: RunledgerRecord["tool"]): { [Member in keyof Required<ToolFacts>]: unknown } | null {
  if (tool === null) return null;
  return {
    arguments_sha256: tool.arguments_sha256,
    attempt: tool.attempt,
    call_id: tool.call_id,
    confirmed: tool.confirmed,
    cut_to_bytes: tool.cut_to_bytes,
    fallback: tool.fallback,
    idempotency_key: tool.idempotency_key,
    inferred: tool.inferred,
    known: tool.known,
    name: tool.name,
    permission: tool.permission,
    principal: tool.principal,
    requested_by: tool.requested_by,
    result_bytes: tool.result_bytes,
    result_sha256: tool.result_sha256,
    same_as: tool.same_as,
    side_effect: tool.side_effect,
    valid: tool.valid,
  };
}

const PAYLOADS_IN_ORDER = [...PAYLOAD_NAMES].sort();

function payloadsInOrder(payloads: Payloads): Payloads {
  const result: Payloads = {};
  for (const name of PAYLOADS_IN_ORDER) {
    const ref = payloads[name];
    if (ref === undefined) continue;
    const { commitment, inflated_bytes, key_id, media_type, offset, pack, sha256, size_bytes } = ref;
    const deflated = inflated_bytes === undefined ? {} : { inflated_bytes };
    const seal = commitment === undefined || key_id === undefined ? {} : { commitment, ...deflated, key_id };
    result[name] = { ...seal, media_type, offset, pack, sha256, size_bytes };
  }
  return result;
}
