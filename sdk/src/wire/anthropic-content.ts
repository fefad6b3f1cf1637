import type { ChatMessage, MessagePart } from "@runledger/contract";
import { z } from "zod";
import type { AskedToolCall } from "./wire-format.ts";

const wireBlock = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
  source: z.looseObject({ type: z.string() }).optional(),
});
const wireMessage = z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(z.unknown())]) });

/** A message in the conventions' form. Results of tools, which come as the user's, get the role `tool` when there is nothing else in it. */
export function anthropicMessage(message: unknown): ChatMessage {
  const parsed = wireMessage.safeParse(message);
  if (!parsed.success) return { role: "unknown", parts: [{ type: "other", content: message }] };
  const { role, content, ...rest } = parsed.data;
  const parts = anthropicParts(content);
  const isTool = parts.length > 0 && parts.every(({ type }) => type === "tool_call_response");
  return { ...rest, role: isTool ? "tool" : role, parts };
}

export function anthropicParts(content: string | readonly unknown[]): MessagePart[] {
  return typeof content === "string" ? [{ type: "text", content }] : content.map(anthropicPart);
}

/** The calls that an answer asks for; those of the server's own tools are not ours to see answered. */
export function anthropicToolCalls(content: readonly unknown[]): AskedToolCall[] {
  return content.flatMap((block) => {
    const { data } = wireBlock.safeParse(block);
    if (data?.type !== "tool_use" || data.id === undefined || data.name === undefined) return [];
    return [{ callId: data.id, name: data.name, arguments: JSON.stringify(data.input ?? {}) }];
  });
}

function anthropicPart(block: unknown): MessagePart {
  const parsed = wireBlock.safeParse(block);
  if (!parsed.success) return { type: "other", content: block };
  const { type, text, thinking, id, name, input, tool_use_id, content, source, ...rest } = parsed.data;
  switch (type) {
    case "text":
      return { ...rest, type, content: text ?? "" };
    case "thinking":
      return { ...rest, type: "reasoning", content: thinking ?? "" };
    case "tool_use":
      return { ...rest, type: "tool_call", id, name, arguments: input ?? {} };
    case "server_tool_use":
      return { ...rest, type: "server_tool_call", id, name, arguments: input ?? {} };
    case "tool_result":
      return { ...rest, type: "tool_call_response", id: tool_use_id, response: content ?? "" };
    case "image":
    case "document":
      return source === undefined ? parsed.data : { ...rest, ...sourcePart(source, type) };
    default:
      return parsed.data;
  }
}

function sourcePart(source: Record<string, unknown>, modality: string): MessagePart {
  const { type, data, media_type, url, file_id } = source;
  if (type === "base64") return { type: "blob", modality, mime_type: media_type, content: data };
  if (type === "url") return { type: "uri", modality, uri: url };
  if (type === "file") return { type: "file", modality, file_id };
  return { type: "other", modality, content: source };
}
