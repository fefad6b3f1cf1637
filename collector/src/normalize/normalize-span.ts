import type { LlmFacts, RunledgerRecord, SpanOrigin, ToolFacts } from "@runledger/contract";
import { GEN_AI, OTEL, RUNLEDGER } from "@runledger/contract";
import { hourlyCacheWrites } from "./cache-writes.ts";
import { messagesHash } from "./content-hash.ts";
import type { Dialect, DialectFacts, DialectKeys } from "./dialect.ts";
import { DIALECTS } from "./dialects.ts";
import { modalityTokens } from "./modality-tokens.ts";
import type { NormalizedRecord } from "./normalized.ts";
import { ownAct } from "./own-act.ts";
import { plain } from "./plain.ts";
import { inputPreview, outputPreview } from "./preview.ts";
import type { Pricer } from "./price.ts";
import { recordIdOf } from "./record-id.ts";
import { withSharedWords } from "./run-words.ts";
import { SpanAttributes } from "./span-attributes.ts";
import { believableTokens, createAttributeReader, type SpanView } from "./span-view.ts";
import { createTextMemo, type TextMemo } from "./text-memo.ts";
import { toolTalkOf } from "./tool-talk.ts";

/** What the journal knows of a span beside the span. */
export interface Reception {
  tenant: string;
  /** RFC 3339 */
  receivedTime: string;
  /** Runledger itself sent it. */
  own?: true;
}

/**
 * Brings a span into the normal form: the first dialect that claims it reads it, what none claims stays in `attributes`.
 * What we stumble over is kept whole as `other`, with the reason beside it, and nothing else is held up.
 */
export function normalizeSpan(
  span: SpanView,
  origin: SpanOrigin,
  reception: Reception,
  price: Pricer,
  memo = createTextMemo(),
): NormalizedRecord {
  const dialect = dialectOf(span.attributes, reception.own === true);
  try {
    return recordOf(dialect, span, span.attributes, origin, reception, price, memo);
  } catch (error) {
    const why = `${dialect.name}: ${error instanceof Error ? error.message : String(error)}`;
    const attributes = new Map([...span.attributes, [RUNLEDGER.normalizeError, why]]);
    return recordOf(plain, span, attributes, origin, reception, price, memo);
  }
}

/** Nearly always it follows from the keys alone, and spans of one kind have the same. */
function dialectOf(given: SpanView["attributes"], own: boolean): Dialect {
  const attributes = SpanAttributes.from(given);
  const note = own ? "dialect of our own" : "dialect";
  const known = attributes.shape.notes.get(note) as Dialect | undefined;
  if (known !== undefined) return known;
  let byKeys = true;
  const probe: DialectKeys = {
    has: (key) => attributes.has(key),
    get: (key) => {
      if (attributes.has(key)) byKeys = false;
      return attributes.get(key);
    },
  };
  const dialects = own ? [ownAct, ...DIALECTS] : DIALECTS;
  const dialect = dialects.find((candidate) => candidate.claims(probe)) ?? plain;
  if (byKeys) attributes.shape.notes.set(note, dialect);
  return dialect;
}

function recordOf(
  dialect: Dialect,
  span: SpanView,
  given: SpanView["attributes"],
  origin: SpanOrigin,
  reception: Reception,
  price: Pricer,
  memo: TextMemo,
): NormalizedRecord {
  const attributes = createAttributeReader(given, memo);
  const facts = dialect.read(span, attributes, origin.scope);
  const { content } = facts;
  const error = errorOf(span, attributes.text(OTEL.errorType)) ?? facts.error ?? null;
  const llm = facts.llm === null ? null : llmWithHashes(facts.llm, facts, memo);
  if (llm !== null) Object.assign(llm, modalityTokens(span, attributes));
  const record: NormalizedRecord["facts"] = {
    v: 1,
    record_id: recordIdOf(span, origin, memo),
    tenant: reception.tenant,
    event: facts.event,
    kind: facts.kind,
    name: facts.name,
    operation: facts.operation,
    run_id: facts.runId ?? span.traceId,
    trace_id: span.traceId,
    step_id: span.spanId,
    parent_id: span.parentSpanId,
    root: span.parentSpanId === null,
    dialect: dialect.name,
    start_time: span.startTime,
    end_time: span.endTime,
    received_time: reception.receivedTime,
    status: error !== null ? "error" : span.statusCode === 1 ? "ok" : "unset",
    error,
    run_seq: facts.runSeq,
    run: withSharedWords(facts.run, attributes),
    llm,
    tool: facts.tool === null ? null : toolWithHashes(facts.tool, facts, memo),
    end: facts.end,
    cost: llm === null ? null : price(llm, span.startTime),
    attributes: attributes.rest(),
    events: facts.events === undefined ? copyOf(span.events) : copyOf(facts.events),
    links: copyOf(span.links),
    resource: origin.resource,
    scope: origin.scope,
  };
  // members that few records have are put in behind, so that all others are of one shape, and made without a copy
  if (facts.runPrev !== undefined) record.run_prev = facts.runPrev;
  if (facts.act !== undefined) record.act = facts.act;
  if (facts.agent !== undefined) Object.assign(record, facts.agent);
  return {
    facts: record,
    content,
    inputPreview: inputPreview(content, memo.parse),
    outputPreview: outputPreview(content, memo.parse),
  };
}

function copyOf(list: readonly unknown[]): unknown[] {
  return list.length === 0 ? [] : list.slice();
}

/** Status ERROR, an error.type or an exception event: any of them makes the step failed. */
function errorOf(span: SpanView, errorType: string | null): RunledgerRecord["error"] {
  const exception =
    span.events.length === 0 ? undefined : span.events.find((event) => event.name === OTEL.exceptionEvent)?.attributes;
  if (span.statusCode !== 2 && errorType === null && exception === undefined) return null;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);
  return {
    type: errorType ?? text(exception?.[OTEL.exceptionType]) ?? "error",
    message: text(span.statusMessage) ?? text(exception?.[OTEL.exceptionMessage]),
  };
}

/** Of what the sender withheld it told a hash, keyed: it shows sameness as the hash of the content would. */
function withheldOf({ agent }: DialectFacts, attribute: string): { hash: string; size_bytes: number } | undefined {
  return agent?.privacy?.withheld.find(({ name }) => name === attribute);
}

function llmWithHashes(llm: NonNullable<DialectFacts["llm"]>, facts: DialectFacts, memo: TextMemo): LlmFacts {
  const { content } = facts;
  const withheld = (attribute: string) => withheldOf(facts, attribute)?.hash ?? null;
  const { system_prompt, messages, tool_definitions } = content;
  const { tool_requests, tool_results } = toolTalkOf(content, memo);
  const whole: LlmFacts = {
    provider: llm.provider,
    request_model: llm.request_model,
    response_model: llm.response_model,
    response_id: llm.response_id,
    finish_reasons: llm.finish_reasons,
    input_tokens: believableTokens(llm.input_tokens),
    output_tokens: believableTokens(llm.output_tokens),
    cache_read_tokens: believableTokens(llm.cache_read_tokens),
    cache_write_tokens: believableTokens(llm.cache_write_tokens),
    reasoning_tokens: believableTokens(llm.reasoning_tokens),
    time_to_first_token_ms: llm.time_to_first_token_ms,
    streaming: llm.streaming,
    counted: llm.counted,
    system_prompt_sha256:
      system_prompt === undefined ? withheld(GEN_AI.systemInstructions) : memo.sha256(system_prompt),
    prompt_sha256: messages === undefined ? withheld(GEN_AI.inputMessages) : messagesHash(messages, memo.sha256),
    tools_sha256: tool_definitions === undefined ? withheld(GEN_AI.toolDefinitions) : memo.sha256(tool_definitions),
    tool_requests,
    tool_results,
  };
  const hourly = hourlyCacheWrites(whole, content).cache_write_1h_tokens;
  if (hourly !== undefined) whole.cache_write_1h_tokens = hourly;
  if (llm.audio_tokens !== undefined) whole.audio_tokens = llm.audio_tokens;
  if (llm.image_tokens !== undefined) whole.image_tokens = llm.image_tokens;
  return whole;
}

function toolWithHashes(tool: NonNullable<DialectFacts["tool"]>, facts: DialectFacts, memo: TextMemo): ToolFacts {
  const { arguments: args, result } = facts.content;
  const ofArguments = withheldOf(facts, GEN_AI.toolCallArguments);
  const ofResult = withheldOf(facts, GEN_AI.toolCallResult);
  return {
    ...tool,
    arguments_sha256: args === undefined ? (ofArguments?.hash ?? null) : memo.argumentsHash(args),
    result_sha256: result === undefined ? (ofResult?.hash ?? null) : memo.resultHash(result),
    result_bytes: result === undefined ? (ofResult?.size_bytes ?? null) : Buffer.byteLength(result),
  };
}
