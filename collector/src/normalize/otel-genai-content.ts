import { GEN_AI } from "@runledger/contract";
import { type EventMessages, messagesOfEvent } from "./genai-message-events.ts";
import { conventionMessages, messageListText } from "./genai-messages.ts";
import { jsonElementsOf, jsonTextOf, keptText, parsedJson } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import { parametersOf } from "./otel-genai-model.ts";
import type { AttributeReader, SpanEvent, SpanView } from "./span-view.ts";

/** The content of a model call under the names of the attributes; some put this log event on the span. */
const DETAILS_EVENT = "gen_ai.client.inference.operation.details";
/** Where Laminar keeps what went in and came out of any span. */
const LAMINAR_INPUT = "lmnr.span.input";
const LAMINAR_OUTPUT = "lmnr.span.output";

/** What a model was given and what it said: as attributes, else as events of the span, else in the attributes of before 1.28. */
export function modelContent(span: SpanView, attributes: AttributeReader): Content {
  const content = talkOf(span, attributes);
  const definitions = attributes.value(GEN_AI.toolDefinitions);
  if (definitions !== null)
    content.tool_definitions = Array.isArray(definitions)
      ? `[${jsonElementsOf(definitions).join(",")}]`
      : jsonTextOf(definitions, attributes.memo.parse);
  const parameters = parametersOf(attributes);
  if (parameters !== null) content.parameters = parameters;
  return content;
}

export function toolContent(span: SpanView, attributes: AttributeReader): Content {
  return {
    ...toolEvents(span.events),
    ...member(
      "arguments",
      firstOf(attributes, [GEN_AI.toolCallArguments, "tool_arguments", LAMINAR_INPUT]),
      attributes.memo.parse,
    ),
    ...member(
      "result",
      firstOf(attributes, [GEN_AI.toolCallResult, "anthropic.tool_result.content", "tool_response", LAMINAR_OUTPUT]),
      attributes.memo.parse,
    ),
  };
}

/** What went into and came out of an agent, a workflow, a retrieval, or a step that the conventions have no word for. */
export function agentContent(span: SpanView, attributes: AttributeReader): Content {
  const { messages, response, ...content } = talkOf(span, attributes);
  return {
    ...content,
    ...member("input", firstOf(attributes, ["gen_ai.retrieval.query.text", LAMINAR_INPUT]), attributes.memo.parse),
    ...member("output", firstOf(attributes, ["gen_ai.retrieval.documents", LAMINAR_OUTPUT]), attributes.memo.parse),
    ...(messages === undefined ? {} : { input: `[${messages.join(",")}]` }),
    ...(response === undefined ? {} : { output: response }),
  };
}

function talkOf(span: SpanView, attributes: AttributeReader): Content {
  const said = eventTalk(span.events);
  const system = systemOf(attributes.value(GEN_AI.systemInstructions), attributes.memo.parse);
  const input = attributes.value(GEN_AI.inputMessages) ?? attributes.value("gen_ai.prompt");
  const output = attributes.value(GEN_AI.outputMessages) ?? attributes.value("gen_ai.completion");
  return {
    ...said,
    ...(system === null ? {} : { system_prompt: system }),
    ...(input === null ? {} : { messages: conventionMessages(input, "user", attributes.memo) }),
    ...(output === null ? {} : { response: messageListText(output, "assistant", attributes.memo) }),
  };
}

/** A list of parts; words alone are one part. */
function systemOf(value: unknown, parse = parsedJson): string | null {
  if (value === null) return null;
  const text = jsonTextOf(value, parse);
  return text.startsWith('"') && typeof value === "string" ? JSON.stringify([{ type: "text", content: value }]) : text;
}

function eventTalk(events: readonly SpanEvent[]): Content {
  const places: Record<EventMessages["place"], EventMessages["messages"]> = {
    system_prompt: [],
    messages: [],
    response: [],
  };
  const content: Content = {};
  for (const { name, attributes } of events) {
    const found = messagesOfEvent(name, null, attributes);
    if (found !== null) places[found.place].push(...found.messages);
    else if (name === DETAILS_EVENT) Object.assign(content, detailsOf(attributes));
  }
  const { system_prompt: system, messages, response } = places;
  if (system.length > 0) content.system_prompt ??= JSON.stringify(system.flatMap(({ parts }) => parts));
  if (messages.length > 0) content.messages ??= messages.map((message) => JSON.stringify(message));
  if (response.length > 0) content.response ??= JSON.stringify(response);
  return content;
}

/** The event of 1.37 and later, where it is on the span itself. */
function detailsOf(attributes: SpanEvent["attributes"]): Content {
  const system = systemOf(attributes[GEN_AI.systemInstructions] ?? null);
  const input = attributes[GEN_AI.inputMessages] ?? null;
  const output = attributes[GEN_AI.outputMessages] ?? null;
  return {
    ...(system === null ? {} : { system_prompt: system }),
    ...(input === null ? {} : { messages: conventionMessages(input, "user") }),
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
  const isFromEvents =
    events.some(({ name }) => SPOKEN.test(name)) && !events.some(({ name }) => name === DETAILS_EVENT);
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
  const saidIn = (name: string, key: string) => events.find((event) => event.name === name)?.attributes[key] ?? null;
  return {
    ...member("arguments", saidIn("gen_ai.tool.message", "content")),
    ...member("result", saidIn("gen_ai.choice", "message")),
  };
}

function firstOf(attributes: AttributeReader, keys: readonly string[]): unknown {
  for (const key of keys) {
    const value = attributes.value(key);
    if (value !== null) return value;
  }
  return null;
}

function member(name: "arguments" | "result" | "input" | "output", value: unknown, parse = parsedJson): Content {
  return value === null ? {} : { [name]: keptText(value, parse) };
}
