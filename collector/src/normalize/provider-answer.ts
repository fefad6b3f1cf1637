import type { ChatMessage } from "@runledger/contract";
import { chatMessage } from "./chat-message.ts";
import { isMembers } from "./json-object.ts";
import { langchainMembers, langchainMessage, providerMessage } from "./langchain-message.ts";

type Members = Record<string, unknown>;

/** What the body of a model's answer says. Null is unknown; input counts cached tokens too, output the reasoning. */
export interface ResponseSaid {
  id: string | null;
  model: string | null;
  finishReasons: string[];
  messages: ChatMessage[];
  usage: UsageSaid;
  /** It was put together from a stream. false: it does not say. */
  streamed?: boolean;
}
export interface UsageSaid {
  input: number | null;
  output: number | null;
  cacheRead: number | null;
  cacheWrite: number | null;
  reasoning: number | null;
}

export function tokensSaid({ input, output, cacheRead, cacheWrite, reasoning }: UsageSaid): TokensSaid {
  return {
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
    reasoning_tokens: reasoning,
  };
}
type TokensSaid = Record<`${"input" | "output" | "cache_read" | "cache_write" | "reasoning"}_tokens`, number | null>;

/** Reads an answer of OpenAI's chat completions, completions or responses, of Anthropic's messages, or LangChain's outputs; null for anything else. */
export function responseSaid(body: unknown): ResponseSaid | null {
  if (!isMembers(body)) return null;
  if (Array.isArray(body["choices"])) return chatAnswer(body, body["choices"]);
  if (Array.isArray(body["output"]) && body["object"] === "response") return responsesAnswer(body, body["output"]);
  if (Array.isArray(body["content"]) && body["type"] === "message") return anthropicAnswer(body);
  return Array.isArray(body["generations"]) ? langchainAnswer(body["generations"].flat(1)) : null;
}

function chatAnswer(body: Members, choices: unknown[]): ResponseSaid {
  const given = choices.filter(isMembers);
  return {
    ...idAndModel(body),
    finishReasons: given.flatMap(({ finish_reason }) => textOf(finish_reason) ?? []),
    messages: given.map(({ message, text, finish_reason }) =>
      finished(providerMessage(message ?? text ?? null, "assistant"), finish_reason),
    ),
    usage: usageSaid(body["usage"]),
  };
}

/** The items of one answer are one message. */
function responsesAnswer(body: Members, output: unknown[]): ResponseSaid {
  const { status, incomplete_details: details } = body;
  const reason = textOf(isMembers(details) ? details["reason"] : null) ?? textOf(status);
  const parts = output.flatMap((item) => chatMessage(item, "assistant").parts);
  return {
    ...idAndModel(body),
    finishReasons: reason === null ? [] : [reason],
    messages: parts.length === 0 ? [] : [finished({ role: "assistant", parts }, reason)],
    usage: usageSaid(body["usage"]),
  };
}

function anthropicAnswer(body: Members): ResponseSaid {
  const { role, content, stop_reason } = body;
  return {
    ...idAndModel(body),
    finishReasons: typeof stop_reason === "string" ? [stop_reason] : [],
    messages: [finished(chatMessage({ role: textOf(role) ?? "assistant", content }, "assistant"), stop_reason)],
    usage: usageSaid(body["usage"]),
  };
}

function langchainAnswer(generations: unknown[]): ResponseSaid {
  const given = generations.filter(isMembers).map(({ message, text, generationInfo, generation_info }) => {
    const members = langchainMembers(message)?.members ?? (isMembers(message) ? message : {});
    const about = isMembers(members["response_metadata"]) ? members["response_metadata"] : {};
    const info = isMembers(generationInfo) ? generationInfo : isMembers(generation_info) ? generation_info : {};
    const reason = textOf(info["finish_reason"] ?? about["finish_reason"] ?? about["stop_reason"]);
    return {
      message: finished(langchainMessage(message ?? text ?? null, "assistant"), reason),
      members,
      about,
      info,
      reason,
      streamed: langchainMembers(message)?.class === "AIMessageChunk",
    };
  });
  const first = given[0];
  const id = textOf(first?.about["id"]) ?? textOf(first?.members["id"]);
  return {
    // what begins with run is LangChain's own
    id: id?.startsWith("run-") ? null : id,
    model: textOf(first?.about["model_name"] ?? first?.info["model_name"] ?? first?.about["model"]),
    finishReasons: given.flatMap(({ reason }) => reason ?? []),
    messages: given.map(({ message }) => message),
    usage: usageSaid(first?.members["usage_metadata"]),
    streamed: first?.streamed ?? false,
  };
}

function usageSaid(usage: unknown): UsageSaid {
  const said = isMembers(usage) ? usage : {};
  const inDetails = [said["prompt_tokens_details"], said["input_tokens_details"], said["input_token_details"]].find(
    isMembers,
  );
  const outDetails = [
    said["completion_tokens_details"],
    said["output_tokens_details"],
    said["output_token_details"],
  ].find(isMembers);
  const cacheRead = countOf(
    said["cache_read_input_tokens"] ?? inDetails?.["cached_tokens"] ?? inDetails?.["cache_read"],
  );
  const cacheWrite = countOf(said["cache_creation_input_tokens"] ?? inDetails?.["cache_creation"]);
  // Anthropic counts the cached ones apart
  const apart = "cache_read_input_tokens" in said || "cache_creation_input_tokens" in said;
  const input = countOf(said["prompt_tokens"] ?? said["input_tokens"]);
  return {
    input: input !== null && apart ? input + (cacheRead ?? 0) + (cacheWrite ?? 0) : input,
    output: countOf(said["completion_tokens"] ?? said["output_tokens"]),
    cacheRead,
    cacheWrite,
    reasoning: countOf(outDetails?.["reasoning_tokens"] ?? outDetails?.["reasoning"]),
  };
}

/** The message was made for this answer. */
function finished(message: ChatMessage, reason: unknown): ChatMessage {
  if (typeof reason === "string") message["finish_reason"] = reason;
  return message;
}

function idAndModel(body: Members): { id: string | null; model: string | null } {
  return { id: textOf(body["id"]), model: textOf(body["model"]) };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
