import { messagesOfEvent } from "./genai-message-events.ts";
import { isMembers, type Members } from "./json-object.ts";
import { jsonElementsOf, parsedJson } from "./json-text.ts";
import { hasLongValue } from "./long-number.ts";
import type { TextMemo } from "./text-memo.ts";

type Speaker = "user" | "assistant";

/**
 * The messages of `gen_ai.input.messages` or `gen_ai.output.messages` (structured or JSON text), one JSON text each. What is in the form of the
 * conventions stays as it was sent; a provider's own form, and parts with a provider's second id, are brought into it.
 */
export function conventionMessages(value: unknown, defaultRole: Speaker, memo?: TextMemo): string[] {
  const said = listIn(value, memo); // before its elements, which let the memo forget it
  const texts = jsonElementsOf(value, memo);
  if (said?.length === texts.length && said.every(isConventional)) return texts;
  return texts.flatMap((text) => inConvention(text, defaultRole));
}

/**
 * The same of what a model was asked, and what it was told before: leading messages of the system, if they say nothing beside their parts. By the conventions
 * that is an attribute of its own, which not all send.
 */
export function askedMessages(value: unknown, memo?: TextMemo): { system: string | null; messages: string[] } {
  const said = listIn(value, memo);
  const messages = conventionMessages(value, "user", memo);
  const isTold = (message: unknown) =>
    isMembers(message) && (message["role"] === "system" || message["role"] === "developer");
  const told = said === null || !isTold(said[0]) || said.length !== messages.length ? 0 : leading(said, isTold);
  const parts = told === 0 ? null : partsAlone(messages.slice(0, told), memo?.parse);
  return parts === null
    ? { system: null, messages }
    : { system: JSON.stringify(parts), messages: messages.slice(told) };
}

function leading(list: readonly unknown[], test: (item: unknown) => boolean): number {
  const end = list.findIndex((item) => !test(item));
  return end === -1 ? list.length : end;
}

/** null: something would be lost without the messages around them, or digits of a number. */
function partsAlone(texts: readonly string[], parse = parsedJson): unknown[] | null {
  if (texts.some(hasLongValue)) return null;
  const messages = texts.map((text) => parse(text) as Members);
  const isAlone = (message: Members) => Array.isArray(message["parts"]) && Object.keys(message).length === 2;
  return messages.every(isAlone) ? messages.flatMap(({ parts }) => parts) : null;
}

/** The same as the text of one JSON array. */
export function messageListText(value: unknown, defaultRole: Speaker, memo?: TextMemo): string {
  if (typeof value === "string" && listIn(value, memo)?.every(isConventional)) return value;
  const sent = jsonElementsOf(value, memo);
  return `[${sent.flatMap((text) => inConvention(text, defaultRole)).join(",")}]`;
}

function listIn(value: unknown, memo: TextMemo | undefined): unknown[] | null {
  const said = typeof value === "string" ? (memo?.parse ?? parsedJson)(value) : value;
  return Array.isArray(said) ? said : null;
}

function inConvention(text: string, defaultRole: Speaker): string[] {
  const said: unknown = JSON.parse(text);
  const stays = isConventional(said) || (hasParts(said) && hasLongValue(text)); // we would write digits that were not sent
  return stays ? [text] : converted(said, defaultRole);
}

function isConventional(message: unknown): boolean {
  if (!hasParts(message)) return false;
  const { parts } = message;
  return !Array.isArray(parts) || !parts.some(isStrange);
}

function hasParts(message: unknown): message is Members {
  return isMembers(message) && message["parts"] !== undefined;
}

/** What `conventionalPart` changes. */
function isStrange(part: unknown): boolean {
  if (!isMembers(part)) return false;
  if (typeof part["call_id"] === "string") return true;
  return part["type"] === "reasoning" && typeof part["text"] === "string" && part["content"] === undefined;
}

function converted(said: unknown, defaultRole: Speaker): string[] {
  const event = defaultRole === "user" ? "gen_ai.content.prompt" : "gen_ai.content.completion";
  const { messages } = messagesOfEvent(event, [said], {}) ?? { messages: [] };
  return messages.map(({ parts, ...message }) => JSON.stringify({ ...message, parts: parts.map(conventionalPart) }));
}

/** OpenAI's responses have an id for the item and another for the call, which the tool's result is given under. */
function conventionalPart(part: Record<string, unknown>): Record<string, unknown> {
  const { type, id, call_id: callId, text, ...rest } = part;
  if (typeof callId === "string") return { type, id: callId, ...rest, ...(id === undefined ? {} : { item_id: id }) };
  if (type === "reasoning" && typeof text === "string" && rest["content"] === undefined)
    return { type, ...(id === undefined ? {} : { id }), content: text, ...rest };
  return part;
}
