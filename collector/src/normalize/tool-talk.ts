import type { LlmFacts } from "@runledger/contract";
import { argumentsHash, sha256Hex, valueHash } from "./content-hash.ts";
import { jsonTextOf, keptText, parsedJson } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import { isSeveral } from "./openinference-calls.ts";

type ToolTalk = Pick<LlmFacts, "tool_requests" | "tool_results">;

/** Of one model call; what is beyond is in the content, and not matched with tool steps. */
const MAX_TOOL_CALLS = 128;

/** The tool calls that a model asked for, and the results that it was given for the first time, out of its messages (parts as in `ChatMessage`). */
export function toolTalkOf({ response, messages = [] }: Content, parse = parsedJson): ToolTalk {
  return { tool_requests: requestsOf(response, parse), tool_results: newResultsOf(messages, parse) };
}

function requestsOf(response: string | undefined, parse: typeof parsedJson): ToolTalk["tool_requests"] {
  if (!response?.includes('"tool_call"')) return [];
  const parts = listOf(parse(response))
    .flatMap(partsOf)
    .filter(({ type }) => type === "tool_call");
  return parts.slice(0, MAX_TOOL_CALLS).flatMap(({ id, name, arguments: given }) => {
    if (typeof name !== "string") return [];
    const hash =
      given === undefined || given === null
        ? null
        : typeof given === "object"
          ? valueHash(given)
          : typeof given === "string" && isSeveral(given)
            ? valueHash(given)
            : argumentsHash(jsonTextOf(given, parse), parse);
    return [{ call_id: typeof id === "string" ? id : null, name, arguments_sha256: hash }];
  });
}

/** Results stand behind the model's last answer; those before it were given in an earlier call. */
function newResultsOf(messages: readonly string[], parse: typeof parsedJson): ToolTalk["tool_results"] {
  const results: ToolTalk["tool_results"] = [];
  for (let at = messages.length - 1; at >= 0 && results.length < MAX_TOOL_CALLS; at -= 1) {
    const text = messages[at] ?? "";
    if (/"role"\s*:\s*"assistant"/.test(text)) break;
    if (!text.includes('"tool_call_response"')) continue;
    for (const { type, id, response, result } of partsOf(parse(text))) {
      if (type !== "tool_call_response" || typeof id !== "string" || results.length >= MAX_TOOL_CALLS) continue;
      const given = keptText(response ?? result ?? null);
      results.push({ call_id: id, result_sha256: sha256Hex(given), result_bytes: Buffer.byteLength(given) });
    }
  }
  return results.reverse();
}

function partsOf(message: unknown): Record<string, unknown>[] {
  if (typeof message !== "object" || message === null || !("parts" in message)) return [];
  return listOf(message.parts).filter((part) => typeof part === "object" && part !== null) as Record<string, unknown>[];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
