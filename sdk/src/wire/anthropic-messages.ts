import { z } from "zod";
import { anthropicMessage, anthropicParts, anthropicToolCalls } from "./anthropic-content.ts";
import { assembleMessageStream } from "./anthropic-stream.ts";
import { parametersOf } from "./parameters.ts";
import { errorOf } from "./wire-error.ts";
import type { ModelRequest, ModelResponse, OfferedTool, Usage, WireFormat } from "./wire-format.ts";

/** Anthropic's messages. Source: https://docs.anthropic.com/en/api/messages */
export const anthropicMessages: WireFormat = {
  provider: "anthropic",
  matches: (url) => url.pathname.endsWith("/v1/messages"),
  readRequest,
  mayAskForTools: (answer) => answer.includes("tool_use"),
  readResponse(body, stream) {
    if (!stream) return readMessage(JSON.parse(body), true);
    const { message, complete } = assembleMessageStream(body);
    return readMessage(message, complete);
  },
};

const wireRequest = z.looseObject({
  model: z.string().optional(),
  stream: z.boolean().nullish(),
  system: z.union([z.string(), z.array(z.unknown())]).nullish(),
  messages: z.array(z.unknown()),
  tools: z.array(z.unknown()).nullish(),
});
const wireTool = z.looseObject({ name: z.string(), type: z.string().nullish(), input_schema: z.unknown().optional() });
const PARAMETER_NAMES = {
  max_tokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  top_p: "gen_ai.request.top_p",
  top_k: "gen_ai.request.top_k",
  stop_sequences: "gen_ai.request.stop_sequences",
};

function readRequest(body: string): ModelRequest {
  const { model, stream, system, messages, tools, ...rest } = wireRequest.parse(JSON.parse(body));
  const chat = messages.map(anthropicMessage);
  return {
    operation: "chat",
    model,
    stream: stream ?? false,
    systemInstructions: anthropicParts(system ?? []),
    messages: chat,
    toolDefinitions: (tools ?? []).map(offeredTool),
    parameters: parametersOf(rest, PARAMETER_NAMES, "anthropic"),
    toolResults: chat.flatMap(({ parts }) =>
      parts.flatMap(({ type, id, response }) =>
        type === "tool_call_response" && typeof id === "string" ? [{ callId: id, result: response }] : [],
      ),
    ),
  };
}

function offeredTool(tool: unknown): OfferedTool {
  const { data } = wireTool.safeParse(tool);
  if (data === undefined) return { type: "other", name: "", definition: tool };
  const { type, input_schema, ...rest } = data;
  const isCustom = type === undefined || type === null || type === "custom";
  return {
    ...rest,
    type: isCustom ? "function" : type,
    ...(input_schema === undefined ? {} : { parameters: input_schema }),
  };
}

const tokens = z.number().int().nonnegative().nullish();
const wireResponse = z.looseObject({
  id: z.string().nullish(),
  model: z.string().nullish(),
  role: z.string().nullish(),
  content: z.array(z.unknown()).nullish(),
  stop_reason: z.string().nullish(),
  usage: z
    .looseObject({
      input_tokens: tokens,
      output_tokens: tokens,
      cache_read_input_tokens: tokens,
      cache_creation_input_tokens: tokens,
    })
    .nullish()
    .catch(undefined),
  error: z.unknown().optional(),
});

function readMessage(body: unknown, complete: boolean): ModelResponse {
  const { id, model, role, content, stop_reason, usage, error } = wireResponse.parse(body);
  const parts = anthropicParts(content ?? []);
  const message = { role: role ?? "assistant", parts, ...(stop_reason ? { finish_reason: stop_reason } : {}) };
  return {
    id: id ?? undefined,
    model: model ?? undefined,
    finishReasons: stop_reason ? [stop_reason] : [],
    messages: parts.length === 0 ? [] : [message],
    toolCalls: anthropicToolCalls(content ?? []),
    usage: usageOf(usage),
    error: errorOf(error),
    complete,
  };
}

/** Anthropic counts what came from or went into the cache apart from the rest of the input. */
function usageOf(usage: z.infer<typeof wireResponse>["usage"]): Usage | undefined {
  if (usage === undefined || usage === null) return undefined;
  const { input_tokens, output_tokens, cache_read_input_tokens: read, cache_creation_input_tokens: written } = usage;
  return {
    inputTokens: typeof input_tokens === "number" ? input_tokens + (read ?? 0) + (written ?? 0) : undefined,
    outputTokens: output_tokens ?? undefined,
    cacheReadTokens: read ?? undefined,
    cacheWriteTokens: written ?? undefined,
    reasoningTokens: undefined,
  };
}
