import type { ChatMessage } from "@runledger/contract";
import { leadingInstructions } from "./chat-message.ts";
import { type FlatEntries, takeFlatLists } from "./flat-keys.ts";
import { copiedBeside, isMembers, jsonObject, type Members, membersOrList } from "./json-object.ts";
import type { Content } from "./normalized.ts";
import { takeIo } from "./openinference-io.ts";
import { type Behind, flatInstructions, flatMembers, flatMessages } from "./openinference-messages.ts";
import { type ResponseSaid, responseSaid } from "./provider-answer.ts";
import { itemsSaid, type RequestSaid, requestSaid } from "./provider-request.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import type { TextMemo } from "./text-memo.ts";
import { type Tools, toolsOffered } from "./tool-definition.ts";

const LISTS = [
  "llm.input_messages.",
  "llm.output_messages.",
  "llm.tools.",
  "llm.prompts.",
  "llm.choices.",
  "embedding.embeddings.",
] as const;
const TOOL: Behind = { prefix: "tool.", without: [] };
const EMBEDDING: Behind = { prefix: "embedding.", without: [] };
type Lists = Readonly<Record<(typeof LISTS)[number], FlatEntries[]>>;

/** The same content in other dialects' words, where an OpenInference processor rewrites their spans. */
export const SAID_ELSEWHERE = {
  keys: [
    "ai.prompt",
    "ai.prompt.messages",
    "ai.prompt.tools",
    "ai.prompt.toolChoice",
    "ai.response.text",
    "ai.response.toolCalls",
    "ai.response.object",
    "ai.response.reasoning",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
  ],
};

/** All that a span says of a model call. The provider's bodies are null where the instrumentation does not give them. */
export interface CallSaid {
  operation: "chat" | "text_completion";
  lists: Lists;
  io: Pick<Content, "input" | "output">;
  request: RequestSaid | null;
  response: ResponseSaid | null;
  /** The model's settings, as they were sent. */
  parameters: Record<string, unknown> | null;
}

export function takeCall(span: SpanView, attributes: AttributeReader): CallSaid {
  const lists: Lists = takeFlatLists(span.attributes, attributes, LISTS);
  const io = takeIo(attributes);
  const request = io.input === undefined ? null : saidIn(io.input, lists, attributes.memo);
  const isPrompt =
    lists["llm.prompts."].length > 0 || (lists["llm.input_messages."].length === 0 && isJsonText(io.input));
  return {
    operation: request?.operation ?? (isPrompt ? "text_completion" : "chat"),
    lists,
    io,
    request,
    response: io.output === undefined ? null : responseSaid(jsonObject(io.output, attributes.memo.parse)),
    parameters: jsonObject(attributes.text("llm.invocation_parameters") ?? "", attributes.memo.parse),
  };
}

function saidIn(input: string, lists: Lists, { parse }: TextMemo): RequestSaid | null {
  const body = membersOrList(input, parse);
  if (!Array.isArray(body)) return requestSaid(body);
  return itemsSaid(body, () => flatInstructions(lists["llm.input_messages."]));
}

/**
 * The provider's bodies go before the flattened keys: those leave out some of what was said (ids of calls, a second tool result, pictures),
 * and end at the SDK's limit of 128 attributes.
 */
export function chatContent(
  { lists, io, request, response, parameters }: CallSaid,
  reason: string | null,
  memo: TextMemo,
): Content {
  const { write } = memo;
  const content: Content = {};
  const tools = toolsOf(lists["llm.tools."], request?.tools ?? parameters?.["tools"], memo);
  const messages = request?.messages ?? inputMessages(lists, io.input);
  const system = systemOf(request?.system ?? parameters?.["system"] ?? parameters?.["instructions"], messages);
  const said = system.leading === 0 ? messages : messages.slice(system.leading);
  if (system.parts.length > 0) content.system_prompt = JSON.stringify(system.parts);
  if (messages.length > 0) content.messages = said.map((message) => write(message));
  if (tools !== null) content.tool_definitions = tools.text;
  const settings = settingsOf(parameters);
  if (settings !== null) content.parameters = settings;
  const answer = response?.messages ?? outputMessages(lists, io.output, tools?.names ?? [], reason);
  if (answer.length > 0) content.response = write(answer);
  // a text is in the messages already
  if (io.input !== undefined && !isJsonText(io.input)) content.raw_request = io.input;
  if (io.output !== undefined && !isJsonText(io.output)) content.raw_response = io.output;
  return content;
}

function inputMessages(lists: Lists, input: string | undefined): ChatMessage[] {
  const flat = flatMessages(lists["llm.input_messages."], "user");
  if (flat.length > 0) return flat;
  const prompts = lists["llm.prompts."].map((entries) => entries.get("prompt.text") ?? entries.get(""));
  const texts = prompts.length > 0 ? prompts : isJsonText(input) ? [JSON.parse(input)] : [];
  return texts.map(userMessage);
}

function outputMessages(
  lists: Lists,
  output: string | undefined,
  offered: readonly string[],
  reason: string | null,
): ChatMessage[] {
  const flat = flatMessages(lists["llm.output_messages."], "assistant", offered);
  if (flat.length > 0)
    return flat.map((message) => (reason === null ? message : { ...message, finish_reason: reason }));
  const choices = lists["llm.choices."].map((entries) => entries.get("completion.text"));
  const texts = choices.length > 0 ? choices : isJsonText(output) ? [JSON.parse(output)] : [];
  return texts.map((content) => ({ role: "assistant", parts: [{ type: "text", content }] }));
}

/** What the model was told apart from the messages, or by the first of them. */
function systemOf(apart: unknown, messages: readonly ChatMessage[]): { parts: unknown[]; leading: number } {
  const leading = leadingInstructions(messages);
  const parts = leading === 0 ? [] : messages.slice(0, leading).flatMap((message) => message.parts);
  if (leading > 0 || apart === null || apart === undefined) return { parts, leading };
  const list = Array.isArray(apart) ? apart : [apart];
  return {
    parts: list.map((part) =>
      isMembers(part) && typeof part["text"] === "string"
        ? { ...part, type: "text", content: part["text"], text: undefined }
        : { type: "text", content: part },
    ),
    leading,
  };
}

function toolsOf(list: readonly FlatEntries[], given: unknown, memo: TextMemo): Tools | null {
  const isWhole = Array.isArray(given) && given.length >= list.length;
  const tools = isWhole ? given : flatMembers(list, TOOL).map((tool) => schemaOf(tool, memo));
  return tools.length === 0 ? null : toolsOffered(tools, memo);
}

function schemaOf(tool: Members, { parse }: TextMemo): Members {
  const { json_schema: text } = tool;
  if (typeof text === "string") return jsonObject(text, parse) ?? { type: "unknown", json_schema: text };
  return copiedBeside({}, tool, ["json_schema"]);
}

/** What has a field of its own. */
const NOT_SETTINGS = [
  "model",
  "model_name",
  "messages",
  "system",
  "instructions",
  "input",
  "prompt",
  "tools",
  "stream",
];

function settingsOf(parameters: Record<string, unknown> | null): string | null {
  if (parameters === null) return null;
  const settings = copiedBeside({}, parameters, NOT_SETTINGS);
  return Object.keys(settings).length === 0 ? null : JSON.stringify(settings);
}

/** What was embedded as the messages of a user; the vectors as the output. */
export function embeddingContent({ lists, io }: CallSaid): Content {
  const list = flatMembers(lists["embedding.embeddings."], EMBEDDING);
  const texts = list.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const vectors = list.flatMap(({ vector }) => (vector === undefined ? [] : [vector]));
  const output = vectors.length === 0 ? io.output : JSON.stringify(vectors);
  const given = texts.length === 0 && isJsonText(io.input) ? [JSON.parse(io.input)] : texts;
  return {
    ...(output === undefined ? {} : { output }),
    ...(given.length === 0 && io.input !== undefined ? { input: io.input } : {}),
    ...(given.length === 0 ? {} : { messages: given.map((text) => JSON.stringify(userMessage(text))) }),
  };
}

function userMessage(content: unknown): ChatMessage {
  return { role: "user", parts: [{ type: "text", content }] };
}

function isJsonText(json: string | undefined): json is string {
  return json?.startsWith('"') ?? false;
}
