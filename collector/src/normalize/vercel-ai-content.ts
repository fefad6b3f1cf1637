import type { ChatMessage } from "@runledger/contract";
import { chatMessage, conversationOf } from "./chat-message.ts";
import { isMembers, membersOrList } from "./json-object.ts";
import { jsonElementsOf, jsonTextOf } from "./json-text.ts";
import { hasLongNumber } from "./long-number.ts";
import type { Content } from "./normalized.ts";
import type { AttributeReader } from "./span-view.ts";
import type { TextMemo } from "./text-memo.ts";
import { toolsOffered } from "./tool-definition.ts";

/** What went into a model call, and what came out of it. */
export function modelCallContent(attributes: AttributeReader): Content {
  const response = responseOf(attributes);
  const tools = attributes.value("ai.prompt.tools");
  const parameters = parametersOf(attributes);
  const content = promptContent(attributes.value("ai.prompt.messages"), attributes.memo);
  if (tools !== null) content.tool_definitions = toolDefinitions(tools, attributes.memo);
  if (response !== null) content.response = attributes.memo.write([response]);
  if (parameters !== null) content.parameters = parameters;
  return content;
}

/** Of a wrapper: what the application handed in (`{system, prompt, messages}`), and the answer of the last step. */
export function agentContent(attributes: AttributeReader): Content {
  const given = attributes.value("ai.prompt");
  const parsed = membersOrList(given);
  const response = responseOf(attributes);
  const content: Content = response === null ? {} : { response: attributes.memo.write([response]) };
  if (given === null) return content;
  if (!isMembers(parsed)) return { ...content, input: jsonTextOf(given) };
  const { system, prompt, messages, ...rest } = parsed;
  const said = [...listOf(system).map(asSystem), ...listOf(prompt).map(asUser), ...listOf(messages)];
  return {
    ...promptContent(said, attributes.memo),
    ...content,
    ...(Object.keys(rest).length === 0 ? {} : { input: JSON.stringify(rest) }),
  };
}

function asSystem(value: unknown): unknown {
  return typeof value === "string" ? { role: "system", content: value } : value;
}

function asUser(value: unknown): unknown {
  return typeof value === "string" ? { role: "user", content: value } : value;
}

function promptContent(prompt: unknown, { parse, write }: TextMemo): Content {
  if (prompt === null) return {};
  const list = membersOrList(prompt, parse);
  if (!Array.isArray(list)) return { messages: jsonElementsOf(prompt) };
  const { system, messages } = conversationOf(list, write);
  return system === null ? { messages } : { system_prompt: system, messages };
}

function responseOf(attributes: AttributeReader): ChatMessage | null {
  if (attributes.among(KEYS).response.length === 0) return null;
  const reasoning = attributes.text("ai.response.reasoning");
  const text = attributes.text("ai.response.text") ?? attributes.text("ai.response.object");
  const calls = attributes.value("ai.response.toolCalls");
  const files = attributes.value("ai.response.files");
  const reason = attributes.text("ai.response.finishReason");
  const parts: unknown[] = [];
  if (reasoning !== null) parts.push({ type: "reasoning", text: reasoning });
  if (text !== null) parts.push({ type: "text", text });
  if (calls !== null) parts.push(...partsOf(calls, "tool-call"));
  if (files !== null) parts.push(...partsOf(files, "file"));
  if (parts.length === 0 && reason === null) return null;
  const message = chatMessage({ role: "assistant", content: parts }, "assistant");
  if (reason !== null) message["finish_reason"] = FINISH_REASONS[reason] ?? reason;
  return message;
}

/** Any of these makes an answer; what an operation that is no model call takes, and what it gives. */
const KEYS = {
  response: [
    "ai.response.reasoning",
    "ai.response.text",
    "ai.response.object",
    "ai.response.toolCalls",
    "ai.response.files",
    "ai.response.finishReason",
  ],
  input: ["ai.value", "ai.values", "ai.documents", "ai.request.text"],
  output: ["ai.embedding", "ai.embeddings", "ai.ranking"],
};

/** The parts of a list that may leave their type out. */
function partsOf(value: unknown, type: string): unknown[] {
  const list = membersOrList(value);
  if (!Array.isArray(list)) return [{ type, data: value }];
  return list.map((part) => (isMembers(part) ? { ...part, type, ...inputOf(part) } : part));
}

/** Unstreamed calls have their arguments as JSON text, streamed ones as values. */
function inputOf(part: Record<string, unknown>): Record<string, unknown> {
  const { input } = part;
  return typeof input === "string" && !hasLongNumber(input) ? { input: membersOrList(input) ?? input } : {};
}

/** In the words of the GenAI conventions. */
const FINISH_REASONS: Readonly<Record<string, string>> = {
  "tool-calls": "tool_call",
  "content-filter": "content_filter",
};

function toolDefinitions(tools: unknown, memo: TextMemo): string {
  const list = listOf(Array.isArray(tools) ? tools : (membersOrList(tools, memo.parse) ?? [tools]));
  const parsed = list.map((tool) => {
    const members = membersOrList(tool, memo.parse);
    return isMembers(members) ? members : tool;
  });
  return toolsOffered(parsed, memo).text;
}

/** Name in the GenAI conventions, name in the SDK's settings. */
const PARAMETERS = (
  [
    ["max_tokens", "maxOutputTokens"],
    ["temperature", "temperature"],
    ["top_p", "topP"],
    ["top_k", "topK"],
    ["stop_sequences", "stopSequences"],
    ["frequency_penalty", "frequencyPenalty"],
    ["presence_penalty", "presencePenalty"],
    ["seed", "seed"],
    ["max_retries", "maxRetries"],
    ["timeout", "timeout"],
    ["output", "output"],
  ] as const
).flatMap(([name, setting]) => [
  { name, key: `ai.settings.${setting}` },
  { name, key: `gen_ai.request.${name}` },
]);

function parametersOf(attributes: AttributeReader): string | null {
  const found: Record<string, unknown> = {};
  const keep = (name: string, value: unknown) => {
    if (value !== null) found[name] = value;
  };
  for (const { name, key } of attributes.there(PARAMETERS)) keep(name, attributes.value(key));
  const choice = attributes.value("ai.prompt.toolChoice");
  keep("tool_choice", membersOrList(choice) ?? choice);
  for (const _ in found) return JSON.stringify(found);
  return null;
}

/** A model call that is no chat: texts to embed or to speak as the messages of a user, words that were heard as the answer. */
export function valuesContent(attributes: AttributeReader): Content {
  const { input, ...content } = otherContent(attributes);
  const response = responseOf(attributes);
  const values = input === undefined ? [] : listOf(JSON.parse(input));
  return {
    ...content,
    ...(input === undefined ? {} : { messages: values.map((value) => JSON.stringify(chatMessage(value, "user"))) }),
    ...(response === null ? {} : { response: attributes.memo.write([response]) }),
  };
}

/** Of the other operations: texts to embed or to speak, documents to rank. */
export function otherContent(attributes: AttributeReader): Content {
  const keys = attributes.among(KEYS);
  const input = firstOf(attributes, keys.input);
  const output = firstOf(attributes, keys.output);
  const parameters = parametersOf(attributes);
  const content: Content = {};
  if (input !== null) content.input = input;
  if (output !== null) content.output = output;
  if (parameters !== null) content.parameters = parameters;
  return content;
}

/** Lists come as one JSON text an element. */
function firstOf(attributes: AttributeReader, keys: readonly string[]): string | null {
  if (keys.length === 0) return null;
  const value = keys.map((key) => attributes.value(key)).find((found) => found !== null) ?? null;
  if (value === null) return null;
  return Array.isArray(value)
    ? `[${value.map((item) => jsonTextOf(item)).join(",")}]`
    : jsonTextOf(value, attributes.memo.parse);
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
