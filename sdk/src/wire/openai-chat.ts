import { z } from "zod";
import { openaiChatMessage, toolCallsOf } from "./openai-chat-message.ts";
import { assembleChatStream } from "./openai-chat-stream.ts";
import { parametersOf } from "./parameters.ts";
import { isObject } from "./shape.ts";
import { errorOf } from "./wire-error.ts";
import type { ModelRequest, ModelResponse, OfferedTool, Usage, WireFormat } from "./wire-format.ts";

/** OpenAI chat completions, and the many servers that speak it. Source: https://platform.openai.com/docs/api-reference/chat */
export const openaiChat: WireFormat = {
  provider: "openai",
  matches: (url) => url.pathname.endsWith("/chat/completions"),
  readRequest,
  mayAskForTools: (answer) => answer.includes("tool_calls"),
  readResponse(body, stream) {
    if (!stream) return readCompletion(JSON.parse(body), true);
    const { completion, complete } = assembleChatStream(body);
    return readCompletion(completion, complete);
  },
};

const wireRequest = z.looseObject({
  model: z.string().optional(),
  stream: z.boolean().nullish(),
  messages: z.array(z.unknown()),
  tools: z.array(z.unknown()).nullish(),
});
interface WireTool {
  type: string;
  function: { name: string; description?: string };
}

function isTool(value: unknown): value is WireTool {
  if (!isObject(value) || typeof value["type"] !== "string" || !isObject(value["function"])) return false;
  const { name, description } = value["function"];
  return typeof name === "string" && (description === undefined || typeof description === "string");
}

function readRequest(body: string): ModelRequest {
  const { model, stream, messages, tools, ...rest } = wireRequest.parse(JSON.parse(body));
  const chat = messages.map(openaiChatMessage);
  const instructions = chat.findIndex((message) => message.role !== "system" && message.role !== "developer");
  const split = instructions === -1 ? chat.length : instructions;
  return {
    operation: "chat",
    model,
    stream: stream ?? false,
    systemInstructions: chat.slice(0, split).flatMap((message) => message.parts),
    messages: chat.slice(split),
    toolDefinitions: (tools ?? []).map(offeredTool),
    parameters: parametersOf(rest, PARAMETER_NAMES, "openai"),
    toolResults: chat.flatMap(({ parts }) =>
      parts.flatMap(({ type, id, response }) =>
        type === "tool_call_response" && typeof id === "string" ? [{ callId: id, result: response }] : [],
      ),
    ),
  };
}

function offeredTool(tool: unknown): OfferedTool {
  return isTool(tool) ? { ...tool.function, type: tool.type } : { type: "other", name: "", definition: tool };
}

/** Request fields that the GenAI conventions have a name for. The others go as `openai.request.<field>`. */
const PARAMETER_NAMES: Readonly<Record<string, string>> = {
  max_tokens: "gen_ai.request.max_tokens",
  max_completion_tokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  top_p: "gen_ai.request.top_p",
  frequency_penalty: "gen_ai.request.frequency_penalty",
  presence_penalty: "gen_ai.request.presence_penalty",
  stop: "gen_ai.request.stop_sequences",
  seed: "gen_ai.request.seed",
  n: "gen_ai.request.choice.count",
  reasoning_effort: "gen_ai.request.reasoning.level",
};

const tokens = z.number().int().nonnegative().nullish();
const wireCompletion = z.looseObject({
  id: z.string().nullish(),
  model: z.string().nullish(),
  choices: z.array(z.looseObject({ message: z.unknown().optional(), finish_reason: z.string().nullish() })).nullish(),
  usage: z
    .looseObject({
      prompt_tokens: tokens,
      completion_tokens: tokens,
      prompt_tokens_details: z.looseObject({ cached_tokens: tokens }).nullish(),
      completion_tokens_details: z.looseObject({ reasoning_tokens: tokens }).nullish(),
    })
    .nullish()
    .catch(undefined),
  error: z.unknown().optional(),
});

function readCompletion(body: unknown, complete: boolean): ModelResponse {
  const { id, model, choices, usage, error } = wireCompletion.parse(body);
  return {
    id: id ?? undefined,
    model: model ?? undefined,
    finishReasons: (choices ?? []).flatMap((choice) => choice.finish_reason ?? []),
    messages: (choices ?? []).map((choice) => {
      const message = openaiChatMessage(choice.message);
      return choice.finish_reason ? { ...message, finish_reason: choice.finish_reason } : message;
    }),
    toolCalls: (choices ?? []).flatMap((choice) => toolCallsOf(choice.message)),
    usage: usageOf(usage ?? undefined),
    error: errorOf(error),
    complete,
  };
}

function usageOf(usage: z.infer<typeof wireCompletion>["usage"]): Usage | undefined {
  if (usage === undefined || usage === null) return undefined;
  return {
    inputTokens: usage.prompt_tokens ?? undefined,
    outputTokens: usage.completion_tokens ?? undefined,
    cacheReadTokens: usage.prompt_tokens_details?.cached_tokens ?? undefined,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? undefined,
  };
}
