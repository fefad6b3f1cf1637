import type { ChatMessage, MessagePart } from "@runledger/contract";
import { z } from "zod";
import type { AskedToolCall } from "./wire-format.ts";

const wirePart = z.looseObject({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  inlineData: z.looseObject({ mimeType: z.string().optional(), data: z.string() }).optional(),
  fileData: z.looseObject({ mimeType: z.string().optional(), fileUri: z.string() }).optional(),
  functionCall: z.looseObject({ id: z.string().nullish(), name: z.string(), args: z.unknown().optional() }).optional(),
  functionResponse: z
    .looseObject({ id: z.string().nullish(), name: z.string(), response: z.unknown().optional() })
    .optional(),
});
const wireContent = z.looseObject({ role: z.string().nullish(), parts: z.array(z.unknown()).nullish() });

/**
 * A content in the conventions' form. Gemini's calls often have no id: then the n-th call of a tool in a content is answered by the n-th
 * response of that tool in the next, and both get the id `<name>:<n>`.
 */
export function geminiMessage(content: unknown, defaultRole = "user"): ChatMessage {
  const parsed = wireContent.safeParse(content);
  if (!parsed.success) return { role: "unknown", parts: [{ type: "other", content }] };
  const { role, parts: given, ...rest } = parsed.data;
  const counted = new Map<string, number>();
  const parts = (given ?? []).map((part) => geminiPart(part, counted));
  const isTool = parts.length > 0 && parts.every(({ type }) => type === "tool_call_response");
  return { ...rest, role: isTool ? "tool" : role === "model" ? "assistant" : (role ?? defaultRole), parts };
}

/** The calls that an answer asks for. */
export function geminiToolCalls({ parts }: ChatMessage): AskedToolCall[] {
  return parts.flatMap(({ type, id, name, arguments: args }) =>
    type === "tool_call" && typeof id === "string" && typeof name === "string"
      ? [{ callId: id, name, arguments: JSON.stringify(args) }]
      : [],
  );
}

function geminiPart(part: unknown, counted: Map<string, number>): MessagePart {
  const parsed = wirePart.safeParse(part);
  if (!parsed.success) return { type: "other", content: part };
  const { text, thought, inlineData, fileData, functionCall, functionResponse, ...rest } = parsed.data;
  const idOf = ({ id, name }: { id?: string | null | undefined; name: string }) => {
    const n = counted.get(name) ?? 0;
    counted.set(name, n + 1);
    return id ?? `${name}:${n}`;
  };
  if (functionCall !== undefined) {
    const { name, args } = functionCall;
    return { ...rest, type: "tool_call", id: idOf(functionCall), name, arguments: args ?? {} };
  }
  if (functionResponse !== undefined) {
    const { name, response } = functionResponse;
    return { ...rest, type: "tool_call_response", id: idOf(functionResponse), name, response: response ?? {} };
  }
  if (text !== undefined) return { ...rest, type: thought === true ? "reasoning" : "text", content: text };
  const modality = (mimeType = "") => mimeType.split("/")[0] || "file";
  if (inlineData !== undefined) {
    const { mimeType, data } = inlineData;
    return { ...rest, type: "blob", modality: modality(mimeType), mime_type: mimeType, content: data };
  }
  if (fileData !== undefined) {
    const { mimeType, fileUri } = fileData;
    return { ...rest, type: "uri", modality: modality(mimeType), mime_type: mimeType, uri: fileUri };
  }
  return { ...parsed.data, type: "other" };
}
