import type { ChatMessage } from "@runledger/contract";
import { chatMessage } from "./chat-message.ts";
import { isMembers, jsonObject } from "./json-object.ts";
import { parsedJson } from "./json-text.ts";

type Members = Record<string, unknown>;

const ROLES: ReadonlyMap<string, string> = new Map([
  ["human", "user"],
  ["ai", "assistant"],
  ["system", "system"],
  ["developer", "developer"],
  ["tool", "tool"],
  ["function", "function"],
]);

/** The members of a message as LangChain serialises it, `{lc, type: "constructor", id: [..., class], kwargs}`, null for anything else. */
export function langchainMembers(value: unknown): { class: string; members: Members } | null {
  if (!isMembers(value) || !isMembers(value["kwargs"]) || !Array.isArray(value["id"])) return null;
  return { class: String(value["id"].at(-1)), members: value["kwargs"] };
}

/** A message of a provider's, or of LangChain's, whichever it is. */
export function providerMessage(value: unknown, defaultRole: string): ChatMessage {
  return langchainMembers(value) === null ? chatMessage(value, defaultRole) : langchainMessage(value, defaultRole);
}

/**
 * A message of LangChain, serialised or bare, in the form of the GenAI conventions. What LangChain keeps beside it (ids and usage of its own,
 * the provider's raw form) is not the message's: it differs between the answer and the history that repeats it.
 */
export function langchainMessage(value: unknown, defaultRole: string): ChatMessage {
  const serialised = langchainMembers(value);
  const type = serialised === null ? (isMembers(value) ? value["type"] : "") : typeOfClass(serialised.class);
  const members = serialised?.members ?? (isMembers(value) && typeof value["role"] !== "string" ? value : null);
  const role = ROLES.get(String(type).toLowerCase()) ?? defaultRole;
  if (members === null) return chatMessage(value, defaultRole);
  const { content, name, tool_calls, tool_call_id, additional_kwargs: more } = members;
  const calls = nonEmpty(tool_calls) ?? (isMembers(more) ? nonEmpty(more["tool_calls"]) : null);
  const message: Members = { role };
  if (typeof name === "string" && name !== "") message["name"] = name;
  message["content"] = calls === null ? content : withoutCalls(content);
  if (calls !== null) message["tool_calls"] = calls.map(openaiCall);
  if (tool_call_id !== undefined) message["tool_call_id"] = tool_call_id;
  if (members["status"] === "error") message["status"] = "error"; // of a tool
  return chatMessage(message, role);
}

/** `AIMessageChunk` is what ai said. */
function typeOfClass(name: string): string {
  const whole = name.endsWith("Chunk") ? name.slice(0, -"Chunk".length) : name;
  return whole.endsWith("Message") ? whole.slice(0, -"Message".length) : whole;
}

/** LangChain's tools return the message that the model is given: its content is the result. One with an artifact beside it stays whole. */
export function toolMessage(
  output: string,
  parse = parsedJson,
): { name: string | null; callId: string | null; result: string | null } | null {
  if (!output.includes("tool_call_id")) return null;
  const value = jsonObject(output, parse);
  const message = langchainMembers(value?.["output"] ?? value)?.members;
  if (message === undefined) return null;
  const { name, tool_call_id: callId, content, artifact } = message;
  return {
    name: typeof name === "string" ? name : null,
    callId: typeof callId === "string" ? callId : null,
    result: content === undefined || (artifact !== undefined && artifact !== null) ? null : JSON.stringify(content),
  };
}

/** Some providers' content repeats the calls. */
function withoutCalls(content: unknown): unknown {
  if (!Array.isArray(content)) return content === "" ? null : content;
  return content.filter((part) => !isMembers(part) || (part["type"] !== "tool_use" && part["type"] !== "tool_call"));
}

function openaiCall(call: unknown): unknown {
  if (!isMembers(call) || isMembers(call["function"])) return call;
  return { id: call["id"], function: { name: call["name"], arguments: call["args"] } };
}

function nonEmpty(value: unknown): unknown[] | null {
  return Array.isArray(value) && value.length > 0 ? value : null;
}
