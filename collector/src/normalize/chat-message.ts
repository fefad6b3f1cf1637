import type { ChatMessage, MessagePart } from "@runledger/contract";
import { copiedBeside, isMembers, type Members, saysSomething } from "./json-object.ts";
import { jsonTextOf } from "./json-text.ts";
import { callOf, partOf } from "./message-part.ts";

/**
 * A message of OpenAI's chat completions or an item of its responses API, of Anthropic's messages or of the AI SDK's prompts, in the form of
 * the GenAI conventions. Members and parts that have no word there stay as they are.
 */
export function chatMessage(value: unknown, defaultRole: string): ChatMessage {
  if (!isMembers(value)) return { role: defaultRole, parts: partsOfContent(value) };
  if (typeof value["role"] !== "string") return itemMessage(value, defaultRole);
  const { role, content, parts, tool_calls: calls, tool_call_id: id } = value;
  const message = copiedBeside({ role: role as string }, value, MESSAGE_KEYS, saysSomething) as ChatMessage;
  if (role === "tool" && id !== undefined)
    message.parts = [{ type: "tool_call_response", id, response: content ?? null }];
  else {
    message.parts = Array.isArray(parts) && content === undefined ? parts.map(chatPart) : partsOfContent(content);
    if (Array.isArray(calls)) for (const call of calls) message.parts.push(callOf(call) as MessagePart);
  }
  return message;
}

const MESSAGE_KEYS = ["role", "content", "parts", "tool_calls", "tool_call_id"];

/** The leading system messages as one list of parts (null: none), and the other messages as JSON text each. */
export function conversationOf(
  values: readonly unknown[],
  write: (value: object) => string = JSON.stringify,
): { system: string | null; messages: string[] } {
  const messages = values.map((value) => chatMessage(value, "user"));
  const count = leadingInstructions(messages);
  const texts: string[] = [];
  for (let at = count; at < messages.length; at += 1) texts.push(write(messages[at] as ChatMessage));
  const system = count === 0 ? null : JSON.stringify(messages.slice(0, count).flatMap(({ parts }) => parts));
  return { system, messages: texts };
}

/** How many of the messages, from the first on, are the system's. */
export function leadingInstructions(messages: readonly ChatMessage[]): number {
  let count = 0;
  while (count < messages.length && isInstruction(messages[count] as ChatMessage)) count += 1;
  return count;
}

export function isInstruction({ role }: Members): boolean {
  return role === "system" || role === "developer";
}

/** Words are one text part, whatever they look like. */
function partsOfContent(content: unknown): MessagePart[] {
  if (content === null || content === undefined) return [];
  if (Array.isArray(content)) return content.map(chatPart);
  return [isMembers(content) ? chatPart(content) : { type: "text", content: textOf(content) }];
}

/** An item of OpenAI's responses API that is no message; its agents SDK has the same with other names. */
function itemMessage(item: Members, defaultRole: string): ChatMessage {
  const { type } = item;
  if (type === "function_call") {
    const call = copiedBeside({}, item, ITEM_CALL_KEYS);
    call["id"] = item["call_id"] ?? item["callId"];
    return { role: "assistant", parts: [callOf(call) as MessagePart] };
  }
  if (type === "function_call_output") {
    return resultMessage(copiedBeside({}, item, ITEM_OUTPUT_KEYS), item["call_id"], item["output"]);
  }
  if (type === "function_call_result") {
    const { output } = item;
    const text = isMembers(output) && output["type"] === "text" ? output["text"] : undefined;
    return resultMessage(copiedBeside({}, item, ITEM_RESULT_KEYS), item["callId"], text ?? output);
  }
  if (Array.isArray(item["tool_calls"])) return chatMessage({ ...item, role: defaultRole }, defaultRole);
  return { role: type === "reasoning" ? "assistant" : defaultRole, parts: [chatPart(item)] };
}

const ITEM_CALL_KEYS = ["type", "call_id", "callId"];
const ITEM_OUTPUT_KEYS = ["type", "call_id", "output"];
const ITEM_RESULT_KEYS = ["type", "callId", "output"];

/** `part`: what stands beside. */
function resultMessage(part: Members, id: unknown, response: unknown): ChatMessage {
  part["type"] = "tool_call_response";
  part["id"] = id;
  part["response"] = response ?? null;
  return { role: "tool", parts: [part as MessagePart] };
}

/** What the AI SDK names in its own way; the wire formats are `partOf`'s. */
function chatPart(value: unknown): MessagePart {
  if (!isMembers(value)) return { type: "text", content: textOf(value) };
  switch (value["type"]) {
    case "reasoning": {
      const { type, text, summary, ...more } = value;
      const said = text ?? summaryText(summary);
      return said === undefined ? (value as MessagePart) : { type: type as string, content: said, ...more };
    }
    case "tool-call": {
      const { toolCallId: id, toolName: name, input, args } = value;
      const call = { type: "tool_call", id, name, arguments: input ?? args };
      return copiedBeside(call, value, CALL_KEYS) as MessagePart;
    }
    case "tool-result": {
      const { type: _type, toolCallId: id, toolName: name, output, result, ...more } = value;
      return { type: "tool_call_response", id, name, ...more, ...toolOutput(output ?? result) };
    }
    default:
      return partOf(value) as MessagePart;
  }
}

const CALL_KEYS = ["type", "toolCallId", "toolName", "input", "args"];

/** `{type: text | json | content | error-text | error-json, value}`: the value, and whether it is an error. */
function toolOutput(output: unknown): Members {
  if (!isMembers(output) || !("value" in output) || typeof output["type"] !== "string")
    return { response: output ?? null };
  return { response: output["value"], ...(output["type"].startsWith("error-") ? { is_error: true } : {}) };
}

/** OpenAI's responses tell no thoughts but their summary, in pieces. */
function summaryText(summary: unknown): string | undefined {
  if (!Array.isArray(summary)) return undefined;
  return summary
    .flatMap((piece) => (isMembers(piece) && typeof piece["text"] === "string" ? piece["text"] : []))
    .join("\n");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : jsonTextOf(value);
}
