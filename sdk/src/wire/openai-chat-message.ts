import type { ChatMessage, MessagePart } from "@runledger/contract";
import { z } from "zod";
import { jsonOrText } from "./server-sent-events.ts";
import type { AskedToolCall } from "./wire-format.ts";

const wireToolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
const wireMessage = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(z.unknown())]).nullish(),
  tool_calls: z.array(z.unknown()).nullish(),
  tool_call_id: z.string().nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
});

/** A message in the conventions' form. Keys they don't know are kept; one that is no message at all is kept whole. */
export function openaiChatMessage(message: unknown): ChatMessage {
  const parsed = wireMessage.safeParse(message);
  if (!parsed.success) return { role: "unknown", parts: [{ type: "other", content: message }] };
  const { role, content, tool_calls, tool_call_id, refusal, reasoning_content, ...rest } = parsed.data;
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

/** The calls that an answer asks for. */
export function toolCallsOf(message: unknown): AskedToolCall[] {
  const parsed = wireMessage.safeParse(message);
  if (!parsed.success) return [];
  return (parsed.data.tool_calls ?? []).flatMap((call) => {
    const tool = wireToolCall.safeParse(call);
    return tool.success
      ? [{ callId: tool.data.id, name: tool.data.function.name, arguments: tool.data.function.arguments }]
      : [];
  });
}

function contentParts(content: z.infer<typeof wireMessage>["content"]): MessagePart[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", content }];
  return content.map(contentPart);
}

const wirePart = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  image_url: z.looseObject({ url: z.string() }).optional(),
});

function contentPart(part: unknown): MessagePart {
  const parsed = wirePart.safeParse(part);
  if (!parsed.success) return { type: "other", content: part };
  const { text, image_url, ...rest } = parsed.data;
  if (rest.type === "text" && text !== undefined) return { ...rest, content: text };
  if (rest.type === "image_url" && image_url !== undefined) {
    const { url, ...about } = image_url;
    return { ...about, type: "uri", modality: "image", uri: url };
  }
  return parsed.data;
}

function toolCallPart(call: unknown): MessagePart {
  const parsed = wireToolCall.safeParse(call);
  if (!parsed.success) return { type: "tool_call", content: call };
  const { id, function: asked } = parsed.data;
  return { type: "tool_call", id, name: asked.name, arguments: jsonOrText(asked.arguments) };
}
