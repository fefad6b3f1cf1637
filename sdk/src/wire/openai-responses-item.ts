import type { ChatMessage, MessagePart } from "@runledger/contract";
import { z } from "zod";
import { jsonOrText } from "./server-sent-events.ts";
import type { AskedToolCall } from "./wire-format.ts";

const wireItem = z.looseObject({
  type: z.string().nullish(),
  id: z.string().nullish(),
  role: z.string().nullish(),
  content: z.union([z.string(), z.array(z.unknown())]).nullish(),
  call_id: z.string().nullish(),
  name: z.string().nullish(),
  arguments: z.string().nullish(),
  output: z.unknown().optional(),
  summary: z.array(z.unknown()).nullish(),
});
const wirePart = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  refusal: z.string().optional(),
  image_url: z.string().nullish(),
  file_id: z.string().nullish(),
});

/** An item of `input` or `output` in the conventions' form. Keys they don't know are kept; one that is no item is kept whole. */
export function responsesItem(item: unknown): ChatMessage {
  const parsed = wireItem.safeParse(item);
  if (!parsed.success) return { role: "unknown", parts: [{ type: "other", content: item }] };
  const { type, id, role, content, call_id, name, arguments: args, output, summary, ...rest } = parsed.data;
  switch (type ?? "message") {
    case "message":
      return { ...rest, ...(id ? { id } : {}), role: role ?? "user", parts: contentParts(content) };
    case "function_call": {
      const call = { type: "tool_call", id: call_id, name, arguments: jsonOrText(args ?? "{}") };
      return { role: "assistant", parts: [{ ...rest, ...call }] };
    }
    case "function_call_output":
      return { role: "tool", parts: [{ ...rest, type: "tool_call_response", id: call_id, response: output ?? "" }] };
    case "reasoning":
      return {
        role: "assistant",
        parts: [{ ...rest, ...(id ? { id } : {}), type: "reasoning", content: summaryText(summary) }],
      };
    default:
      return { role: role ?? "assistant", parts: [{ ...parsed.data, type: type ?? "other" }] };
  }
}

/** The calls among the items of an answer. */
export function responsesToolCalls(items: readonly unknown[]): AskedToolCall[] {
  return items.flatMap((item) => {
    const { data } = wireItem.safeParse(item);
    if (data?.type !== "function_call" || !data.call_id || !data.name) return [];
    return [{ callId: data.call_id, name: data.name, arguments: data.arguments ?? "" }];
  });
}

function contentParts(content: string | unknown[] | null | undefined): MessagePart[] {
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return [{ type: "text", content }];
  return content.map((part) => {
    const parsed = wirePart.safeParse(part);
    if (!parsed.success) return { type: "other", content: part };
    const { type, text, refusal, image_url, file_id, ...rest } = parsed.data;
    if (text !== undefined) return { ...rest, type: "text", content: text };
    if (refusal !== undefined) return { ...rest, type: "refusal", content: refusal };
    if (image_url) return { ...rest, type: "uri", modality: "image", uri: image_url };
    if (file_id) return { ...rest, type: "file", modality: type === "input_image" ? "image" : "document", file_id };
    return parsed.data;
  });
}

function summaryText(summary: readonly unknown[] | null | undefined): string {
  return (summary ?? []).map((part) => wirePart.safeParse(part).data?.text ?? "").join("\n");
}
