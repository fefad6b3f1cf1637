import type { ChatMessage, MessagePart } from "@runledger/contract";
import { createMembers } from "../otlp/members.ts";
import { isInstruction } from "./chat-message.ts";
import { type FlatEntries, flatList } from "./flat-keys.ts";
import { copiedBeside } from "./json-object.ts";
import { argumentsOf, mergedCalls } from "./openinference-calls.ts";
import { noted } from "./span-attributes.ts";

/** `llm.input_messages.N.*` or `llm.output_messages.N.*`, in the form of the GenAI conventions. Unknown keys stay beside. */
export function flatMessages(
  list: readonly FlatEntries[],
  defaultRole: string,
  offeredTools: readonly string[] = [],
): ChatMessage[] {
  return list.map((entries) => flatMessage(entries, defaultRole, offeredTools));
}

/** Of these messages the system's. */
export function flatInstructions(list: readonly FlatEntries[]): ChatMessage[] {
  const roleOf = (entries: FlatEntries) => entries.get(entries.has("role") ? "role" : "message.role");
  return flatMessages(
    list.filter((entries) => isInstruction({ role: roleOf(entries) })),
    "user",
  );
}

/** `….document.{id,content,score,metadata}` and the like: the members that stand behind a prefix. */
export function flatMembers(list: readonly FlatEntries[], behind: Behind): Record<string, unknown>[] {
  return list.map((entries) => membersBehind(entries, behind));
}

/** Which names stand behind a prefix; those that begin like one of `without` are read elsewhere. A constant each: what it finds is noted under it. */
export interface Behind {
  prefix: string;
  without: readonly string[];
}

const MESSAGE: Behind = { prefix: "message.", without: ["contents.", "tool_calls."] };
const CALL: Behind = { prefix: "tool_call.", without: ["message_content."] };
const CONTENT: Behind = { prefix: "message_content.", without: [] };

function flatMessage(entries: FlatEntries, defaultRole: string, offeredTools: readonly string[]): ChatMessage {
  const members = membersBehind(entries, MESSAGE);
  const { role: given, content, tool_call_id: callId, function_call_name: fn } = members;
  const role = typeof given === "string" && given !== "" ? given : defaultRole;
  const calls = flatList(entries, "message.tool_calls.").flatMap((call) => callParts(call, offeredTools));
  const said = saidBeside(calls, flatList(entries, "message.contents."));
  const message = copiedBeside({}, members, MESSAGE_NAMES) as ChatMessage;
  message.role = role;
  if (role === "tool" || role === "function" || isGiven(callId)) {
    const whose = callId === undefined && isGiven(fn) ? { name: fn } : { id: callId ?? null };
    said.push({ type: "tool_call_response", ...whose, response: content ?? null });
    message.parts = said;
    return message;
  }
  message.parts = isGiven(content) ? [{ type: "text", content }, ...said, ...calls] : [...said, ...calls];
  if (isGiven(fn))
    message.parts.push({ type: "tool_call", name: fn, ...argumentsMember(members["function_call_arguments_json"]) });
  return message;
}

const MESSAGE_NAMES = ["role", "content", "tool_call_id", "function_call_name", "function_call_arguments_json"];

/** Anthropic's calls are in both lists. */
function saidBeside(calls: readonly MessagePart[], contents: readonly FlatEntries[]): MessagePart[] {
  const said = contents.map(contentPart);
  if (calls.length === 0 || said.length === 0) return said;
  const known = new Set(calls.map(({ id }) => id));
  return said.filter(({ type, id }) => type !== "tool_call" || !known.has(id));
}

function callParts(entries: FlatEntries, offeredTools: readonly string[]): MessagePart[] {
  const call = callPart(entries);
  return mergedCalls(call, offeredTools) ?? [call];
}

function callPart(entries: FlatEntries): MessagePart {
  const members = membersBehind(entries, CALL);
  const { id, "function.name": name, "function.arguments": given } = members;
  const part = copiedBeside({}, members, CALL_NAMES) as MessagePart;
  part.type = "tool_call";
  if (isGiven(id)) part["id"] = id;
  if (isGiven(name)) part["name"] = name;
  if (isGiven(given)) part["arguments"] = argumentsOf(given);
  return part;
}

const CALL_NAMES = ["id", "function.name", "function.arguments"];

function argumentsMember(given: unknown): { arguments?: unknown } {
  return isGiven(given) ? { arguments: argumentsOf(given) } : {};
}

function contentPart(entries: FlatEntries): MessagePart {
  const {
    type,
    text,
    "image.image.url": image,
    "audio.audio.url": audio,
    "audio.audio.mime_type": mimeType,
    "video.video.url": video,
    ...rest
  } = membersBehind(entries, CONTENT);
  const address = image ?? audio ?? video;
  if (isGiven(address)) {
    const modality = image !== undefined ? "image" : audio !== undefined ? "audio" : "video";
    return { ...rest, type: "uri", modality, ...(isGiven(mimeType) ? { mime_type: mimeType } : {}), uri: address };
  }
  if (type === "tool_use" || type === "tool_call") return callPart(entries);
  const words = text === undefined ? {} : { content: text };
  if (type === "text" || type === "input_text" || type === "output_text" || type === undefined)
    return { ...rest, type: "text", ...words };
  return { ...rest, type: typeof type === "string" ? type : JSON.stringify(type), ...words };
}

function membersBehind(entries: FlatEntries, behind: Behind): Record<string, unknown> {
  const { prefix, without } = behind;
  const names = noted(entries.shape, behind, ({ keys }) =>
    keys.map((key) => {
      const name = key.startsWith(prefix) ? key.slice(prefix.length) : key;
      return without.some((other) => name.startsWith(other)) ? null : name;
    }),
  );
  const members = createMembers();
  for (let place = 0; place < names.length; place += 1) {
    const name = names[place];
    if (typeof name === "string") members[name] = entries.list[place];
  }
  return members;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}
