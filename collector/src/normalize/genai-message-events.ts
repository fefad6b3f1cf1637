import type { ChatMessage, MessagePart } from "@runledger/contract";
import { chatMessage } from "./chat-message.ts";
import { isMembers, type Members, unlessJson } from "./json-object.ts";

/** Where an event's messages belong in a model call's content. */
export interface EventMessages {
  place: "system_prompt" | "messages" | "response";
  /** In the form of the GenAI conventions (contract `ChatMessage`): unknown members stay beside `role` and `parts`. */
  messages: ChatMessage[];
}

const EVENTS: Readonly<Record<string, readonly [place: EventMessages["place"], role: string]>> = {
  "gen_ai.system.message": ["system_prompt", "system"],
  "gen_ai.user.message": ["messages", "user"],
  "gen_ai.assistant.message": ["messages", "assistant"],
  "gen_ai.tool.message": ["messages", "tool"],
  "gen_ai.choice": ["response", "assistant"],
  "gen_ai.content.prompt": ["messages", "user"],
  "gen_ai.content.completion": ["response", "assistant"],
};
/** Where the events keep what they say when they have no body, as those of a span: the whole as JSON text. */
const CONTENT_KEYS = ["gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion"];
/** The event's attributes that are its message. */
const MESSAGE_KEYS = [
  "role",
  "content",
  "message",
  "id",
  "name",
  "tool_calls",
  "finish_reason",
  "index",
  "tool.result",
];

/** The attributes of such an event that `messagesOfEvent` reads: all else says nothing of the message. */
export const MESSAGE_EVENT_KEYS: ReadonlySet<string> = new Set([...CONTENT_KEYS, ...MESSAGE_KEYS]);

export function isMessageEvent(name: string): boolean {
  return Object.hasOwn(EVENTS, name);
}

/**
 * The messages of a GenAI event of the conventions up to 1.36, one event a message, or of 1.27, all messages in one attribute; null for another event.
 * `body` is the log record's, structured or JSON text; span events have none (null), theirs is in the attributes.
 * Source: open-telemetry/semantic-conventions v1.36.0, docs/gen-ai/gen-ai-events.md.
 */
export function messagesOfEvent(name: string, body: unknown, attributes: Readonly<Members>): EventMessages | null {
  const event = Object.hasOwn(EVENTS, name) ? EVENTS[name] : undefined;
  if (event === undefined) return null;
  const [place, role] = event;
  const said = body ?? contentOf(attributes);
  if (said === null) return { place, messages: [] };
  const value = unlessJson(said);
  const list = name.startsWith("gen_ai.content.") && Array.isArray(value) ? value : [value];
  return { place, messages: list.map((item) => messageOf(item, role)) };
}

function contentOf(attributes: Readonly<Members>): unknown {
  const whole = CONTENT_KEYS.map((key) => attributes[key]).find((value) => value !== undefined && value !== null);
  if (whole !== undefined) return whole;
  const members = MESSAGE_KEYS.filter((key) => attributes[key] !== undefined).map((key) => [key, attributes[key]]);
  return members.length === 0 ? null : Object.fromEntries(members);
}

/** As `chatMessage`, but for what the events have of their own: a choice around the message, lists as text, a result's id as `id`. */
function messageOf(value: unknown, defaultRole: string): ChatMessage {
  if (!isMembers(value)) return chatMessage({ role: defaultRole, content: listInText(value) }, defaultRole);
  const { message, ...around } = value;
  const inner = unlessJson(message);
  const all: Members = isMembers(inner) ? { ...around, ...inner } : { ...around, content: around["content"] ?? inner };
  const { role: given, content, parts, tool_calls: calls, id, ...rest } = all;
  const role = typeof given === "string" && given !== "" ? given : defaultRole;
  if (Array.isArray(parts) && content === undefined)
    return { ...rest, ...(id === undefined ? {} : { id }), role, parts: parts.filter(isMembers) as MessagePart[] };
  const isResult = role === "tool" && id !== undefined;
  return chatMessage(
    {
      role,
      ...rest,
      ...(id === undefined ? {} : { [isResult ? "tool_call_id" : "id"]: id }),
      content: isResult ? content : listInText(content),
      tool_calls: listOfCalls(unlessJson(calls)),
    },
    role,
  );
}

/** Some write the list of parts as text; any other text is what was said. */
function listInText(content: unknown): unknown {
  const value = typeof content === "string" && content.startsWith("[") ? unlessJson(content) : content;
  return Array.isArray(value) && value.length > 0 && value.every(isMembers) ? value : content;
}

function listOfCalls(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
