import { GEN_AI } from "@runledger/contract";
import { adkTalk, adkTool } from "./adk-content.ts";
import { type EventMessages, isMessageEvent, messagesOfEvent } from "./genai-message-events.ts";
import { askedMessages, conventionMessages, messageListText } from "./genai-messages.ts";
import { isMembers } from "./json-object.ts";
import { jsonElementsOf, jsonTextOf, keptText, parsedJson } from "./json-text.ts";
import { hasLongNumber } from "./long-number.ts";
import type { Content } from "./normalized.ts";
import { parametersOf } from "./otel-genai-model.ts";
import type { AttributeReader, SpanEvent, SpanView } from "./span-view.ts";
import type { TextMemo } from "./text-memo.ts";
import { toolsOffered } from "./tool-definition.ts";

/** Where Laminar keeps what went in and came out of any span. */
const LAMINAR_INPUT = "lmnr.span.input";
const LAMINAR_OUTPUT = "lmnr.span.output";

/** What a model was given and what it said: as attributes, else as events of the span, else in the attributes of before 1.28. */
export function modelContent(span: SpanView, attributes: AttributeReader): Content {
  const content = Object.assign(adkTalk(span, attributes), talkOf(span, attributes));
  const definitions = attributes.value(GEN_AI.toolDefinitions);
  if (definitions !== null) content.tool_definitions = definitionsText(definitions, attributes.memo);
  const parameters = parametersOf(attributes);
  if (parameters !== null)
    content.parameters =
      content.parameters === undefined
        ? parameters
        : JSON.stringify({ ...JSON.parse(content.parameters), ...JSON.parse(parameters) });
  return content;
}

/** As they were sent, but for the schema under the name that the AI SDK and MCP have for it. */
function definitionsText(definitions: unknown, memo: TextMemo): string {
  const text = Array.isArray(definitions)
    ? `[${jsonElementsOf(definitions).join(",")}]`
    : jsonTextOf(definitions, memo.parse);
  if (!text.includes('"inputSchema"')) return text;
  const tools = memo.parse(text);
  return Array.isArray(tools) ? toolsOffered(tools, memo).text : text;
}

export function toolContent(span: SpanView, attributes: AttributeReader): Content {
  const content = toolEvents(span.events);
  const ofAdk = adkTool(span, attributes);
  put(content, "arguments", firstOf(attributes, ARGUMENTS) ?? ofAdk.arguments, attributes.memo.parse);
  put(content, "result", firstOf(attributes, RESULT) ?? ofAdk.result, attributes.memo.parse);
  return content;
}

const ARGUMENTS = [GEN_AI.toolCallArguments, "tool_arguments", LAMINAR_INPUT];
const RESULT = [GEN_AI.toolCallResult, "anthropic.tool_result.content", "tool_response", LAMINAR_OUTPUT];

/** What went into and came out of an agent, a workflow, a retrieval, or a step that the conventions have no word for. */
export function agentContent(span: SpanView, attributes: AttributeReader): Content {
  const { system_prompt: system, messages, response } = talkOf(span, attributes);
  const content: Content = {};
  if (system !== undefined) content.system_prompt = system;
  put(content, "input", firstOf(attributes, AGENT_INPUT), attributes.memo.parse);
  put(content, "output", firstOf(attributes, AGENT_OUTPUT), attributes.memo.parse);
  if (messages !== undefined) content.input = `[${messages.join(",")}]`;
  if (response !== undefined) content.output = response;
  return content;
}

const AGENT_INPUT = ["gen_ai.retrieval.query.text", LAMINAR_INPUT];
const AGENT_OUTPUT = ["gen_ai.retrieval.documents", LAMINAR_OUTPUT];

function talkOf(span: SpanView, attributes: AttributeReader): Content {
  const content = eventTalk(eventsOf(span, attributes));
  const system = systemOf(attributes.value(GEN_AI.systemInstructions), attributes.memo.parse);
  const input = attributes.value(GEN_AI.inputMessages) ?? attributes.value("gen_ai.prompt");
  const output = attributes.value(GEN_AI.outputMessages) ?? attributes.value("gen_ai.completion");
  if (input !== null) Object.assign(content, asked(input, content.system_prompt ?? system, attributes.memo));
  if (system !== null) content.system_prompt = system;
  if (output !== null) content.response = messageListText(output, "assistant", attributes.memo);
  return content;
}

/**
 * Before it spoke of messages, Pydantic AI wrote the events of its time into one attribute: a JSON list, each with its name and members.
 * Source: pydantic-ai-slim 0.4, models/instrumented.py.
 */
const EVENTS = "events";

function eventsOf(span: SpanView, attributes: AttributeReader): readonly SpanEvent[] {
  const text = span.attributes.get(EVENTS);
  const list = typeof text === "string" && text.includes('"event.name"') ? attributes.memo.parse(text) : null;
  if (typeof text !== "string" || !Array.isArray(list)) return span.events;
  const events: SpanEvent[] = list
    .filter(isMembers)
    .map(({ "event.name": name, ...said }) => ({ name: String(name), time: "", attributes: said }));
  if (events.length < list.length || !events.every(({ name }) => isMessageEvent(name))) return span.events;
  if (!hasLongNumber(text)) attributes.value(EVENTS);
  return [...span.events, ...events];
}

function asked(input: unknown, toldApart: string | null, memo?: TextMemo): Pick<Content, "system_prompt" | "messages"> {
  if (toldApart !== null) return { messages: conventionMessages(input, "user", memo) };
  const { system, messages } = askedMessages(input, memo);
  return system === null ? { messages } : { system_prompt: system, messages };
}

/** A list of parts; words alone are one part. */
function systemOf(value: unknown, parse = parsedJson): string | null {
  if (value === null) return null;
  const text = jsonTextOf(value, parse);
  return text.startsWith('"') && typeof value === "string" ? JSON.stringify([{ type: "text", content: value }]) : text;
}

function eventTalk(events: readonly SpanEvent[]): Content {
  if (events.length === 0) return {};
  const places: Record<EventMessages["place"], EventMessages["messages"]> = {
    system_prompt: [],
    messages: [],
    response: [],
  };
  const content: Content = {};
  for (const { name, attributes } of events) {
    const found = messagesOfEvent(name, null, attributes);
    if (found !== null) places[found.place].push(...found.messages);
    else if (name === GEN_AI.detailsEvent) Object.assign(content, detailsOf(attributes));
  }
  const { system_prompt: system, messages, response } = places;
  if (messages.length > 0) {
    const asked = askedMessages(messages);
    content.messages ??= asked.messages;
    if (system.length === 0 && asked.system !== null) content.system_prompt ??= asked.system;
  }
  if (system.length > 0) content.system_prompt ??= JSON.stringify(system.flatMap(({ parts }) => parts));
  if (response.length > 0) content.response ??= JSON.stringify(response);
  return content;
}

/** The log event of 1.37 and later, which some put on the span itself: the names of the attributes. */
function detailsOf(attributes: SpanEvent["attributes"]): Content {
  const system = systemOf(attributes[GEN_AI.systemInstructions] ?? null);
  const input = attributes[GEN_AI.inputMessages] ?? null;
  const output = attributes[GEN_AI.outputMessages] ?? null;
  return {
    ...(input === null ? {} : asked(input, system)),
    ...(system === null ? {} : { system_prompt: system }),
    ...(output === null ? {} : { response: messageListText(output, "assistant") }),
  };
}

/** With any of these on the span, its events are not where the content is from. */
const WORDS = [
  GEN_AI.systemInstructions,
  GEN_AI.inputMessages,
  GEN_AI.outputMessages,
  "gen_ai.prompt",
  "gen_ai.completion",
];
/** The words of an event that speaks for one message. A system message may say more than the prompt holds, so it stays whole. */
const SPOKEN = /^gen_ai\.(user\.message|assistant\.message|tool\.message|choice|content\.prompt|content\.completion)$/;
const SPOKEN_KEYS: ReadonlySet<string> = new Set([
  "content",
  "message",
  "tool_calls",
  "gen_ai.event.content",
  "gen_ai.prompt",
  "gen_ai.completion",
]);

/** The events of a span, without the words that became its content: what is said once is kept once. */
export function eventsWithoutWords({ events, attributes }: SpanView): readonly SpanEvent[] {
  if (events.length === 0) return events;
  const isFromEvents =
    events.some(({ name }) => SPOKEN.test(name)) && !events.some(({ name }) => name === GEN_AI.detailsEvent);
  if (!isFromEvents || WORDS.some((key) => attributes.has(key))) return events;
  return events.map((event) =>
    SPOKEN.test(event.name) ? { ...event, attributes: unspoken(event.attributes) } : event,
  );
}

function unspoken(attributes: SpanEvent["attributes"]): SpanEvent["attributes"] {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !SPOKEN_KEYS.has(key)));
}

/** Some tell a tool's arguments and result in the words of a talk. */
function toolEvents(events: readonly SpanEvent[]): Content {
  const content: Content = {};
  if (events.length === 0) return content;
  const saidIn = (name: string, key: string) => events.find((event) => event.name === name)?.attributes[key] ?? null;
  put(content, "arguments", saidIn("gen_ai.tool.message", "content"));
  put(content, "result", saidIn("gen_ai.choice", "message"));
  return content;
}

function firstOf(attributes: AttributeReader, keys: readonly string[]): unknown {
  for (const key of keys) {
    const value = attributes.value(key);
    if (value !== null) return value;
  }
  return null;
}

function put(
  into: Content,
  name: "arguments" | "result" | "input" | "output",
  value: unknown,
  parse = parsedJson,
): void {
  if (value !== null) into[name] = keptText(value, parse);
}
