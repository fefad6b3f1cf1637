import type { ChatMessage, MessagePart } from "@runledger/contract";
import { jsonOrText } from "./server-sent-events.ts";
import { isObject, maybeList, maybeText } from "./shape.ts";
import type { AskedToolCall } from "./wire-format.ts";

interface WireMessage extends Record<string, unknown> {
  role: string;
  content?: string | unknown[] | null;
  tool_calls?: unknown[] | null;
  tool_call_id?: string | null;
  refusal?: string | null;
  reasoning_content?: string | null;
}
interface WireToolCall {
  id: string;
  function: { name: string; arguments: string };
}

function isMessage(value: unknown): value is WireMessage {
  return (
    isObject(value) &&
    typeof value["role"] === "string" &&
    (maybeText(value["content"]) || Array.isArray(value["content"])) &&
    maybeList(value["tool_calls"]) &&
    maybeText(value["tool_call_id"]) &&
    maybeText(value["refusal"]) &&
    maybeText(value["reasoning_content"])
  );
}

function isToolCall(value: unknown): value is WireToolCall {
  if (!isObject(value) || typeof value["id"] !== "string" || !isObject(value["function"])) return false;
  const { name, arguments: given } = value["function"];
  return typeof name === "string" && typeof given === "string";
}

/** A message in the conventions' form. Keys they don't know are kept; one that is no message at all is kept whole. */
export function openaiChatMessage(message: unknown): ChatMessage {
  if (!isMessage(message)) return { role: "unknown", parts: [{ type: "other", content: message }] };
  const { role, content, tool_calls, tool_call_id, refusal, reasoning_content, ...more } = message;
  const rest = Object.fromEntries(Object.entries(more).filter(([, value]) => saysSomething(value)));
  if (role === "tool") {
    return {
      ...rest,
      role,
      parts: [{ type: "tool_call_response", id: tool_call_id ?? undefined, response: content ?? "" }],
    };
  }
  return {
    ...rest,
    role,
    parts: [
      ...(reasoning_content ? [{ type: "reasoning", content: reasoning_content }] : []),
      ...contentParts(content),
      ...(refusal ? [{ type: "refusal", content: refusal }] : []),
      ...(tool_calls ?? []).map(toolCallPart),
    ],
  };
}

/** OpenAI's clients leave `annotations: []` and `audio: null` on the answers that are sent again as history. */
function saysSomething(value: unknown): boolean {
  return value !== null && !(Array.isArray(value) && value.length === 0);
}

/** The calls that an answer asks for. */
export function toolCallsOf(message: unknown): AskedToolCall[] {
  if (!isMessage(message)) return [];
  return (message.tool_calls ?? [])
    .filter(isToolCall)
    .map(({ id, function: asked }) => ({ callId: id, name: asked.name, arguments: asked.arguments }));
}

function contentParts(content: WireMessage["content"]): MessagePart[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", content }];
  return content.map(contentPart);
}

interface WirePart extends Record<string, unknown> {
  type: string;
  text?: string;
  image_url?: { url: string };
}

function isPart(value: unknown): value is WirePart {
  if (!isObject(value) || typeof value["type"] !== "string") return false;
  const { text, image_url } = value;
  const isImage = isObject(image_url) && typeof image_url["url"] === "string";
  return (text === undefined || typeof text === "string") && (image_url === undefined || isImage);
}

function contentPart(part: unknown): MessagePart {
  if (!isPart(part)) return { type: "other", content: part };
  const { text, image_url, ...rest } = part;
  if (rest.type === "text" && text !== undefined) return { ...rest, content: text };
  if (rest.type === "image_url" && image_url !== undefined) {
    const { url, ...about } = image_url;
    return { ...about, type: "uri", modality: "image", uri: url };
  }
  return part;
}

function toolCallPart(call: unknown): MessagePart {
  if (!isToolCall(call)) return { type: "tool_call", content: call };
  const { id, function: asked } = call;
  return { type: "tool_call", id, name: asked.name, arguments: jsonOrText(asked.arguments) };
}
