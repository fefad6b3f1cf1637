import type { LlmFacts } from "@runledger/contract";
import { argumentsHash, argumentsText, sha256Hex } from "./content-hash.ts";
import { isMembers, type Members } from "./json-object.ts";
import { jsonTextOf, keptText, parsedJson } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import { isSeveral } from "./openinference-calls.ts";
import type { TextMemo } from "./text-memo.ts";

type ToolTalk = Pick<LlmFacts, "tool_requests" | "tool_results">;

/** Of one model call; what is beyond is in the content, and not matched with tool steps. */
const MAX_TOOL_CALLS = 128;

/** The tool calls that a model asked for, and the results that it was given for the first time, out of its messages (parts as in `ChatMessage`). */
export function toolTalkOf({ response, messages = [] }: Content, memo: Hashing = ANEW): ToolTalk {
  return { tool_requests: requestsOf(response, memo), tool_results: newResultsOf(messages, memo) };
}

type Hashing = Pick<TextMemo, "parse" | "argumentsHash" | "hashOfArguments" | "resultHash">;
const ANEW: Hashing = {
  parse: parsedJson,
  argumentsHash,
  hashOfArguments: (value) => sha256Hex(argumentsText(value)),
  resultHash: sha256Hex,
};

// Searched for by a sign that is rare: quotes are everywhere in a message, and each would be looked at.
const [A_CALL, A_RESPONSE] = ['_call"', '_call_response"'];

function requestsOf(response: string | undefined, memo: Hashing): ToolTalk["tool_requests"] {
  const requests: ToolTalk["tool_requests"] = [];
  if (!response?.includes(A_CALL)) return requests;
  let calls = 0;
  for (const message of listOf(memo.parse(response))) {
    for (const part of partsOf(message)) {
      if (!isMembers(part) || part["type"] !== "tool_call") continue;
      if (calls === MAX_TOOL_CALLS) return requests;
      calls += 1;
      const { id, name, arguments: given } = part;
      if (typeof name === "string")
        requests.push({
          call_id: typeof id === "string" ? id : null,
          name,
          arguments_sha256: hashOfGiven(given, memo),
        });
    }
  }
  return requests;
}

function hashOfGiven(given: unknown, memo: Hashing): string | null {
  if (given === undefined || given === null) return null;
  if (typeof given === "object" || (typeof given === "string" && isSeveral(given))) return memo.hashOfArguments(given);
  return memo.argumentsHash(jsonTextOf(given, memo.parse));
}

/** Results stand behind the model's last answer; those before it were given in an earlier call. */
function newResultsOf(messages: readonly string[], memo: Hashing): ToolTalk["tool_results"] {
  const results: ToolTalk["tool_results"] = [];
  for (let at = messages.length - 1; at >= 0 && results.length < MAX_TOOL_CALLS; at -= 1) {
    const text = messages[at] ?? "";
    if (/"role"\s*:\s*"assistant"/.test(text)) break;
    if (!text.includes(A_RESPONSE)) continue;
    const message = memo.parse(text);
    const hasFailed = isMembers(message) && message["status"] === "error"; // LangChain's word
    for (const part of partsOf(message).toReversed()) {
      if (!isMembers(part)) continue;
      if (part["type"] !== "tool_call_response" || results.length >= MAX_TOOL_CALLS) continue;
      const result = resultOf(part, hasFailed, memo);
      if (result !== null) results.push(result);
    }
  }
  return results.reverse();
}

/** By its call's id, or where it has none (Gemini) by the tool's name; null when nothing says whose it is. */
function resultOf(part: Members, hasFailed: boolean, memo: Hashing): ToolTalk["tool_results"][number] | null {
  const { id, name, response, result } = part;
  const hasId = typeof id === "string" && id !== "";
  if (!hasId && (typeof name !== "string" || name === "")) return null;
  const given = keptText(response ?? result ?? null);
  return {
    call_id: hasId ? id : "",
    result_sha256: memo.resultHash(given),
    result_bytes: Buffer.byteLength(given),
    ...(hasId ? {} : { name: name as string }),
    ...(hasFailed || isError(part) ? { is_error: true } : {}),
  };
}

/** In Anthropic's word (ours for the AI SDK's as well), in that of MCP and of the AI SDK's older versions, or in Bedrock's. */
function isError({ is_error, isError, status, response }: Members): boolean {
  return (
    is_error === true || isError === true || status === "error" || (isMembers(response) && response["isError"] === true)
  );
}

function partsOf(message: unknown): readonly unknown[] {
  return isMembers(message) ? listOf(message["parts"]) : NONE;
}

const NONE: readonly unknown[] = [];

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : NONE;
}
