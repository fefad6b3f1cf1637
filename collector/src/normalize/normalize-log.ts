import { GEN_AI, type LlmFacts, OTEL, RUNLEDGER, type RunFacts, type SpanOrigin } from "@runledger/contract";
import type { LogRecord } from "../otlp/log-record.ts";
import { messagesHash, sha256Hex } from "./content-hash.ts";
import type { DialectFacts } from "./dialect.ts";
import { type EventMessages, MESSAGE_EVENT_KEYS, messagesOfEvent } from "./genai-message-events.ts";
import type { LogIds } from "./log-id.ts";
import { type LogView, logViewOf, runIdOf } from "./log-view.ts";
import type { Reception } from "./normalize-span.ts";
import type { Content, NormalizedRecord } from "./normalized.ts";
import { readGenAi } from "./otel-genai.ts";
import { inputPreview, outputPreview } from "./preview.ts";
import { type AttributeReader, createAttributeReader } from "./span-view.ts";
import { toolTalkOf } from "./tool-talk.ts";

/** What an event tells of a model call; what it doesn't is null. */
interface LogFacts {
  kind: "llm" | "other";
  operation: string | null;
  run: RunFacts;
  llm: DialectFacts["llm"];
  content: Content;
  attributes: Record<string, unknown>;
}

/**
 * Brings an OTLP log record into the normal form. The GenAI events give up their content as a span does; whose step it is shown with is decided
 * at reading, because they come in any order. What we stumble over is kept whole, with the reason beside it.
 */
export function normalizeLog(log: LogRecord, origin: SpanOrigin, reception: Reception, idOf: LogIds): NormalizedRecord {
  const view = logViewOf(log);
  const facts = factsOf(view);
  const { content } = facts;
  const time = view.time ?? reception.receivedTime;
  return {
    facts: {
      v: 1,
      record_id: idOf(view, origin),
      tenant: reception.tenant,
      event: "log",
      kind: facts.kind,
      name: view.eventName || "log",
      operation: facts.operation,
      run_id: runIdOf(view),
      trace_id: view.traceId,
      step_id: view.spanId,
      parent_id: null,
      root: false,
      dialect: view.eventName.startsWith(GEN_AI.prefix) ? "otel-genai" : "plain",
      start_time: time,
      end_time: time,
      received_time: reception.receivedTime,
      status: "unset",
      error: null,
      run_seq: null,
      run: facts.run,
      llm: facts.llm === null ? null : llmOfLog(facts.llm, content),
      tool: null,
      end: null,
      cost: null,
      attributes: facts.attributes,
      events: [],
      links: [],
      resource: origin.resource,
      scope: origin.scope,
    },
    content,
    inputPreview: inputPreview(content),
    outputPreview: outputPreview(content),
  };
}

function factsOf(log: LogView): LogFacts {
  try {
    if (log.eventName === GEN_AI.detailsEvent) return detailsOf(log);
    const messages = messagesOfEvent(log.eventName, log.body, Object.fromEntries(log.attributes));
    return messages === null ? plainFactsOf(log) : messageFactsOf(log, messages);
  } catch (error) {
    const why = `log: ${error instanceof Error ? error.message : String(error)}`;
    const facts = plainFactsOf(log);
    return { ...facts, attributes: { ...facts.attributes, [RUNLEDGER.normalizeError]: why } };
  }
}

/** The event has the attributes of the model call's span; some write them into its body. */
function detailsOf(log: LogView): LogFacts {
  const inBody = Object.entries(isMembers(log.body) ? log.body : {});
  const isAttribute = ([key]: [string, unknown]) => key.startsWith(GEN_AI.prefix) && !log.attributes.has(key);
  const body = isMembers(log.body) ? Object.fromEntries(inBody.filter((member) => !isAttribute(member))) : log.body;
  const given = new Map([...log.attributes, ...inBody.filter(isAttribute)]);
  const attributes = createAttributeReader(given);
  const facts = readGenAi(
    {
      traceId: log.traceId,
      spanId: log.spanId,
      parentSpanId: log.spanId,
      name: log.eventName,
      startTime: log.time ?? "",
      endTime: log.time ?? "",
      statusCode: 0,
      statusMessage: "",
      attributes: given,
      events: [],
      links: [],
    },
    attributes,
    "llm", // what the call was called is not in each of its events
  );
  return {
    kind: "llm",
    operation: facts.operation,
    run: facts.run,
    llm: facts.llm ?? unknownLlm(log),
    content: facts.content,
    attributes: restOf(log, attributes, isMembers(body) && Object.keys(body).length === 0 ? null : body),
  };
}

function messageFactsOf(log: LogView, { place, messages }: EventMessages): LogFacts {
  const attributes = createAttributeReader(log.attributes);
  if (log.body === null) for (const key of MESSAGE_EVENT_KEYS) attributes.value(key);
  const content: Content = {};
  if (messages.length > 0) {
    if (place === "system_prompt") content.system_prompt = JSON.stringify(messages.flatMap(({ parts }) => parts));
    else if (place === "messages") content.messages = messages.map((message) => JSON.stringify(message));
    else content.response = JSON.stringify(messages);
  }
  // A system prompt has no place for what else its message says.
  const isMore = messages.some(({ role, parts: _, ...more }) => role !== "system" || Object.keys(more).length > 0);
  const finishReasons = messages
    .map((message) => message["finish_reason"])
    .filter((reason) => typeof reason === "string");
  return {
    ...plainFactsOf(log),
    kind: "llm",
    llm: { ...unknownLlm(log), finish_reasons: finishReasons },
    content,
    attributes: restOf(log, attributes, place === "system_prompt" && isMore ? log.body : null),
  };
}

function plainFactsOf(log: LogView): LogFacts {
  const isGenAi = log.eventName.startsWith(GEN_AI.prefix);
  return {
    kind: "other",
    operation: null,
    run: runFactsOf(log),
    llm: isGenAi && log.attributes.has(GEN_AI.responseId) ? unknownLlm(log) : null,
    content: {},
    attributes: restOf(log, createAttributeReader(log.attributes), log.body),
  };
}

/** What nobody took, the body as `otlp.body`. */
function restOf(log: LogView, attributes: AttributeReader, body: unknown): Record<string, unknown> {
  const rest = attributes.rest();
  return body === null ? rest : { ...rest, [log.attributes.has("otlp.body") ? "otlp.body.2" : "otlp.body"]: body };
}

function isMembers(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(log: LogView, key: string): string | null {
  const value = log.attributes.get(key);
  return typeof value === "string" && value !== "" ? value : null;
}

function runFactsOf(log: LogView): RunFacts {
  return {
    task_id: null,
    task_type: null,
    agent_name: textOf(log, GEN_AI.agentName),
    agent_version: textOf(log, GEN_AI.agentVersion),
    session_id: textOf(log, GEN_AI.conversationId) ?? textOf(log, OTEL.sessionId),
    user_id: textOf(log, OTEL.userId) ?? textOf(log, OTEL.enduserId),
    heartbeat_interval_ms: null,
  };
}

function unknownLlm(log: LogView): NonNullable<DialectFacts["llm"]> {
  return {
    provider: (textOf(log, GEN_AI.providerName) ?? textOf(log, GEN_AI.system))?.toLowerCase() ?? null,
    request_model: null,
    response_model: null,
    response_id: textOf(log, GEN_AI.responseId),
    finish_reasons: [],
    input_tokens: null,
    output_tokens: null,
    cache_read_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    time_to_first_token_ms: null,
    streaming: null,
    counted: false,
  };
}

/** Never counted: its span is. */
function llmOfLog(llm: NonNullable<DialectFacts["llm"]>, content: Content): LlmFacts {
  const { system_prompt: system, messages, tool_definitions: tools } = content;
  return {
    ...llm,
    counted: false,
    system_prompt_sha256: system === undefined ? null : sha256Hex(system),
    prompt_sha256: messages === undefined ? null : messagesHash(messages),
    tools_sha256: tools === undefined ? null : sha256Hex(tools),
    ...toolTalkOf(content),
  };
}
