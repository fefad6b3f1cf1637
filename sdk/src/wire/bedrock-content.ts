import type { ChatMessage, MessagePart } from "@runledger/contract";
import { z } from "zod";
import type { AskedToolCall } from "./wire-format.ts";

const file = z.looseObject({ format: z.string().optional(), source: z.looseObject({}).optional() });
const wireBlock = z.looseObject({
  text: z.string().optional(),
  reasoningContent: z.looseObject({ reasoningText: z.looseObject({ text: z.string() }).optional() }).optional(),
  toolUse: z.looseObject({ toolUseId: z.string(), name: z.string(), input: z.unknown().optional() }).optional(),
  toolResult: z.looseObject({ toolUseId: z.string(), content: z.unknown().optional() }).optional(),
  image: file.optional(),
  document: file.optional(),
  video: file.optional(),
});
const wireMessage = z.looseObject({ role: z.string(), content: z.array(z.unknown()) });

/** A message of Converse in the conventions' form. Results of tools, which come as the user's, get the role `tool` when there is nothing else in it. */
export function bedrockMessage(message: unknown): ChatMessage {
  const parsed = wireMessage.safeParse(message);
  if (!parsed.success) return { role: "unknown", parts: [{ type: "other", content: message }] };
  const { role, content, ...rest } = parsed.data;
  const parts = content.map(bedrockPart);
  const isTool = parts.length > 0 && parts.every(({ type }) => type === "tool_call_response");
  return { ...rest, role: isTool ? "tool" : role, parts };
}

/** The calls that an answer asks for. */
export function bedrockToolCalls({ parts }: ChatMessage): AskedToolCall[] {
  return parts.flatMap(({ type, id, name, arguments: args }) =>
    type === "tool_call" && typeof id === "string" && typeof name === "string"
      ? [{ callId: id, name, arguments: typeof args === "string" ? args : JSON.stringify(args) }]
      : [],
  );
}

/** A block is an object with one member, which says what it is. */
export function bedrockPart(block: unknown): MessagePart {
  const parsed = wireBlock.safeParse(block);
  if (!parsed.success) return { type: "other", content: block };
  const { text, reasoningContent, toolUse, toolResult, ...others } = parsed.data;
  if (text !== undefined) return { type: "text", content: text };
  if (reasoningContent !== undefined) {
    const { reasoningText, ...rest } = reasoningContent;
    return { ...rest, ...reasoningText, type: "reasoning", content: reasoningText?.text ?? "" };
  }
  if (toolUse !== undefined) {
    const { toolUseId, name, input, ...rest } = toolUse;
    return { ...rest, type: "tool_call", id: toolUseId, name, arguments: input ?? {} };
  }
  if (toolResult !== undefined) {
    const { toolUseId, content, ...rest } = toolResult;
    return { ...rest, type: "tool_call_response", id: toolUseId, response: content ?? "" };
  }
  for (const modality of ["image", "document", "video"] as const) {
    const given = others[modality];
    if (given !== undefined) return filePart(modality, given);
  }
  return { type: "other", content: parsed.data };
}

function filePart(modality: string, { format, source, ...rest }: z.infer<typeof file>): MessagePart {
  const mime =
    format === undefined ? {} : { mime_type: `${modality === "document" ? "application" : modality}/${format}` };
  const { bytes, s3Location } = source ?? {};
  if (typeof bytes === "string") return { ...rest, ...mime, type: "blob", modality, content: bytes };
  if (typeof s3Location === "object" && s3Location !== null && "uri" in s3Location) {
    return { ...rest, ...mime, type: "uri", modality, uri: s3Location.uri };
  }
  return { ...rest, ...mime, type: "other", modality, content: source };
}
