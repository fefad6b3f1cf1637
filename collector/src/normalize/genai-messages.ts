import { messagesOfEvent } from "./genai-message-events.ts";
import { jsonElementsOf } from "./json-text.ts";
import type { TextMemo } from "./text-memo.ts";

type Speaker = "user" | "assistant";

/**
 * The messages of `gen_ai.input.messages` or `gen_ai.output.messages` (structured or JSON text), one JSON text each. What is in the form of the
 * conventions stays as it was sent; a provider's own form, and parts with a provider's second id, are brought into it.
 */
export function conventionMessages(value: unknown, defaultRole: Speaker, memo?: TextMemo): string[] {
  return jsonElementsOf(value, memo).flatMap((text) => inConvention(text, defaultRole));
}

/** The same as the text of one JSON array. */
export function messageListText(value: unknown, defaultRole: Speaker, memo?: TextMemo): string {
  const sent = jsonElementsOf(value, memo);
  if (typeof value === "string" && /^\s*\[/.test(value) && sent.every(isConventional)) return value;
  return `[${sent.flatMap((text) => inConvention(text, defaultRole)).join(",")}]`;
}

function inConvention(text: string, defaultRole: Speaker): string[] {
  return isConventional(text) ? [text] : converted(text, defaultRole);
}

/** Numbers that would lose digits if we wrote the message anew: better in the sender's form. */
const LONG_NUMBER = /[:[,]\s*-?\d{16}/;

function isConventional(text: string): boolean {
  if (!text.includes('"parts"')) return false;
  const strange = text.includes('"call_id"') || /"type":\s*"reasoning",\s*"text"/.test(text);
  return !strange || LONG_NUMBER.test(text);
}

function converted(text: string, defaultRole: Speaker): string[] {
  const event = defaultRole === "user" ? "gen_ai.content.prompt" : "gen_ai.content.completion";
  const { messages } = messagesOfEvent(event, [JSON.parse(text)], {}) ?? { messages: [] };
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
