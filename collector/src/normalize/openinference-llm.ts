import type { ChatMessage } from "@runledger/contract";
import { isMembers } from "./chat-message.ts";
import type { DialectFacts } from "./dialect.ts";
import { type FlatEntries, takeFlatLists } from "./flat-keys.ts";
import { jsonObject } from "./json-object.ts";
import type { Content } from "./normalized.ts";
import { takeIo } from "./openinference-io.ts";
import { flatMembers, flatMessages } from "./openinference-messages.ts";
import { type RequestSaid, type ResponseSaid, requestSaid, responseSaid } from "./provider-body.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import { toolDefinition } from "./tool-definition.ts";

const LISTS = [
  "llm.input_messages.",
  "llm.output_messages.",
  "llm.tools.",
  "llm.prompts.",
  "llm.choices.",
  "embedding.embeddings.",
] as const;
type Lists = Readonly<Record<(typeof LISTS)[number], FlatEntries[]>>;

/** The same content in other dialects' words, where an OpenInference processor rewrites their spans. */
const SAID_ELSEWHERE = [
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
];

/**
 * A model call. The provider's own bodies, where the instrumentation gives them, go before the flattened keys: those leave out some of
 * what was said (ids of calls, a second tool result, pictures), and end at the SDK's limit of 128 attributes.
 */
export function readModelCall(
  span: SpanView,
  attributes: AttributeReader,
  embeds: boolean,
): Pick<DialectFacts, "name" | "operation" | "llm" | "content"> {
  const lists: Lists = takeFlatLists(span.attributes, attributes, LISTS);
  const io = takeIo(attributes);
  const request = io.input === undefined ? null : requestSaid(jsonObject(io.input));
  const response = io.output === undefined ? null : responseSaid(jsonObject(io.output));
  const parameters = jsonObject(attributes.text("llm.invocation_parameters") ?? "");
  const llm = llmFactsOf(span, attributes, request, response, parameters);
  const content = embeds
    ? embeddingContent(lists, io)
    : chatContent(lists, io, request, response, parameters, llm.finish_reasons[0] ?? null);
  if (content.messages !== undefined || content.response !== undefined)
    for (const key of SAID_ELSEWHERE) attributes.value(key);
  return {
    name: llm.request_model ?? span.name,
    operation: embeds ? "embeddings" : (request?.operation ?? (isPrompt(lists, io) ? "text_completion" : "chat")),
    llm,
    content,
  };
}

function isPrompt(lists: Lists, io: Pick<Content, "input">): boolean {
  return lists["llm.prompts."].length > 0 || (lists["llm.input_messages."].length === 0 && isJsonText(io.input));
}

function llmFactsOf(
  span: SpanView,
  attributes: AttributeReader,
  request: RequestSaid | null,
  response: ResponseSaid | null,
  parameters: Record<string, unknown> | null,
): NonNullable<DialectFacts["llm"]> {
  const named = attributes.text("llm.model_name") ?? attributes.text("embedding.model_name");
  const asked =
    attributes.text("llm.request.model_name") ??
    request?.model ??
    textOf(parameters?.["model"] ?? parameters?.["model_name"]) ??
    attributes.text("gen_ai.request.model") ??
    named;
  const provider = attributes.text("llm.provider");
  const system = attributes.text("llm.system");
  const reason = attributes.text("llm.finish_reason");
  const usage = response?.usage;
  const count = (key: string) => attributes.count(`llm.token_count.${key}`);
  return {
    provider: (provider ?? system ?? providerInMetadata(span))?.toLowerCase() ?? null,
    request_model: asked,
    // the one key that is always there holds the model asked before the answer, the one that answered after it
    response_model: attributes.text("llm.response.model_name") ?? response?.model ?? (named === asked ? null : named),
    response_id: response?.id ?? attributes.text("gen_ai.response.id") ?? attributes.text("ai.response.id"),
    finish_reasons: reason === null ? (response?.finishReasons ?? []) : [reason],
    input_tokens: count("prompt") ?? usage?.input ?? null,
    output_tokens: count("completion") ?? usage?.output ?? null,
    cache_read_tokens:
      count("prompt_details.cache_read") ?? count("prompt_details.cache_input") ?? usage?.cacheRead ?? null,
    cache_write_tokens: count("prompt_details.cache_write") ?? usage?.cacheWrite ?? null,
    reasoning_tokens: count("completion_details.reasoning") ?? usage?.reasoning ?? null,
    time_to_first_token_ms: firstTokenMs(span),
    streaming: parameters?.["stream"] === true || request?.stream === true || (request?.exact ? false : null),
    counted: true,
  };
}

/** LangChain's own says whose model it is in its metadata only. */
function providerInMetadata(span: SpanView): string | null {
  const metadata = span.attributes.get("metadata");
  if (typeof metadata !== "string" || !metadata.includes('"ls_provider"')) return null;
  return textOf(jsonObject(metadata)?.["ls_provider"]);
}

/** The Python instrumentations mark the first token with an event. */
function firstTokenMs(span: SpanView): number | null {
  const first = span.events.find(({ name }) => name === "First Token Stream Event");
  const ms = first === undefined ? Number.NaN : Date.parse(first.time) - Date.parse(span.startTime);
  return ms >= 0 ? ms : null;
}

function chatContent(
  lists: Lists,
  io: Pick<Content, "input" | "output">,
  request: RequestSaid | null,
  response: ResponseSaid | null,
  parameters: Record<string, unknown> | null,
  reason: string | null,
): Content {
  const content: Content = {};
  const tools = toolsOf(lists["llm.tools."], request?.tools ?? parameters?.["tools"]);
  const offered = tools.flatMap(({ name }) => (typeof name === "string" ? [name] : []));
  const messages = request?.messages ?? inputMessages(lists, io.input);
  const system = systemOf(request?.system ?? parameters?.["system"] ?? parameters?.["instructions"], messages);
  const said = messages.slice(system.leading);
  if (system.parts.length > 0) content.system_prompt = JSON.stringify(system.parts);
  if (messages.length > 0) content.messages = said.map((message) => JSON.stringify(message));
  if (tools.length > 0) content.tool_definitions = JSON.stringify(tools);
  const settings = settingsOf(parameters);
  if (settings !== null) content.parameters = settings;
  const answer = response?.messages ?? outputMessages(lists, io.output, offered, reason);
  if (answer.length > 0) content.response = JSON.stringify(answer);
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
  const first = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const leading = first === -1 ? messages.length : first;
  const parts = messages.slice(0, leading).flatMap((message) => message.parts);
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

function toolsOf(list: readonly FlatEntries[], given: unknown): Record<string, unknown>[] {
  const schemas = flatMembers(list, "tool.").flatMap(({ json_schema: text, ...rest }) =>
    typeof text === "string" ? [jsonObject(text) ?? { type: "unknown", json_schema: text }] : [rest],
  );
  return (Array.isArray(given) && given.length >= schemas.length ? given : schemas).map(toolDefinition);
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
  const settings = Object.entries(parameters ?? {}).filter(([name]) => !NOT_SETTINGS.includes(name));
  return settings.length === 0 ? null : JSON.stringify(Object.fromEntries(settings));
}

/** What was embedded as the messages of a user; the vectors as the output. */
function embeddingContent(lists: Lists, io: Pick<Content, "input" | "output">): Content {
  const list = flatMembers(lists["embedding.embeddings."], "embedding.");
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

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
