import type { ChatMessage } from "@runledger/contract";
import { z } from "zod";
import { responsesItem, responsesToolCalls } from "./openai-responses-item.ts";
import { assembleResponseStream } from "./openai-responses-stream.ts";
import { parametersOf } from "./parameters.ts";
import { errorOf } from "./wire-error.ts";
import type { ModelRequest, ModelResponse, OfferedTool, Usage, WireFormat } from "./wire-format.ts";

/** OpenAI responses. Source: https://platform.openai.com/docs/api-reference/responses */
export const openaiResponses: WireFormat = {
  provider: "openai",
  pathIsCommon: true,
  matches: (url) => url.pathname.endsWith("/responses"),
  readRequest,
  mayAskForTools: (answer) => answer.includes("function_call"),
  readResponse(body, stream) {
    if (!stream) return readAnswer(JSON.parse(body), true);
    const { response, complete } = assembleResponseStream(body);
    return readAnswer(response, complete);
  },
};

/** Many services have a path that ends so: a model, or a stored prompt, makes it one of these. */
const wireRequest = z
  .looseObject({
    model: z.string().optional(),
    stream: z.boolean().nullish(),
    instructions: z.string().nullish(),
    input: z.union([z.string(), z.array(z.unknown())]).nullish(),
    tools: z.array(z.unknown()).nullish(),
    reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
    prompt: z.unknown().optional(),
  })
  .refine(({ model, prompt }) => model !== undefined || prompt !== undefined, "neither model nor prompt");
const wireTool = z.looseObject({ type: z.string(), name: z.string().optional() });
const PARAMETER_NAMES = {
  max_output_tokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  top_p: "gen_ai.request.top_p",
  reasoning_effort: "gen_ai.request.reasoning.level",
  previous_response_id: "gen_ai.request.previous_response.id",
};

function readRequest(body: string): ModelRequest {
  const { model, stream, instructions, input, tools, ...rest } = wireRequest.parse(JSON.parse(body));
  const chat =
    typeof input === "string"
      ? [{ role: "user", content: input }].map(responsesItem)
      : (input ?? []).map(responsesItem);
  const first = chat.findIndex((message) => !isInstruction(message));
  const split = instructions ? 0 : first === -1 ? chat.length : first;
  const parameters = { ...rest, reasoning_effort: rest.reasoning?.effort };
  return {
    operation: "chat",
    model,
    stream: stream ?? false,
    systemInstructions: instructions
      ? [{ type: "text", content: instructions }]
      : chat.slice(0, split).flatMap(({ parts }) => parts),
    messages: chat.slice(split),
    toolDefinitions: (tools ?? []).map(offeredTool),
    parameters: parametersOf(parameters, PARAMETER_NAMES, "openai"),
    toolResults: chat.flatMap(({ parts }) =>
      parts.flatMap(({ type, id, response }) =>
        type === "tool_call_response" && typeof id === "string" ? [{ callId: id, result: response }] : [],
      ),
    ),
  };
}

/** Of the system, and nothing beside its parts that would be lost: the collector reads it so too, and a replay compares with what that hashed. */
function isInstruction({ role, parts: _parts, ...more }: ChatMessage): boolean {
  return (role === "system" || role === "developer") && Object.keys(more).length === 0;
}

/** The provider's own tools have a type and no name. */
function offeredTool(tool: unknown): OfferedTool {
  const { data } = wireTool.safeParse(tool);
  return data === undefined ? { type: "other", name: "", definition: tool } : { ...data, name: data.name ?? data.type };
}

const tokens = z.number().int().nonnegative().nullish();
const wireAnswer = z.looseObject({
  id: z.string().nullish(),
  model: z.string().nullish(),
  status: z.string().nullish(),
  incomplete_details: z.looseObject({ reason: z.string().nullish() }).nullish(),
  output: z.array(z.unknown()).nullish(),
  usage: z
    .looseObject({
      input_tokens: tokens,
      output_tokens: tokens,
      input_tokens_details: z.looseObject({ cached_tokens: tokens }).nullish(),
      output_tokens_details: z.looseObject({ reasoning_tokens: tokens }).nullish(),
    })
    .nullish()
    .catch(undefined),
  error: z.unknown().optional(),
});

function readAnswer(body: unknown, complete: boolean): ModelResponse {
  const { id, model, status, incomplete_details, output, usage, error } = wireAnswer.parse(body);
  const reason = incomplete_details?.reason ?? (status === "in_progress" ? undefined : status);
  return {
    id: id ?? undefined,
    model: model ?? undefined,
    finishReasons: reason ? [reason] : [],
    messages: (output ?? []).map(responsesItem),
    toolCalls: responsesToolCalls(output ?? []),
    usage: usageOf(usage),
    error: errorOf(error),
    complete,
  };
}

function usageOf(usage: z.infer<typeof wireAnswer>["usage"]): Usage | undefined {
  if (usage === undefined || usage === null) return undefined;
  return {
    inputTokens: usage.input_tokens ?? undefined,
    outputTokens: usage.output_tokens ?? undefined,
    cacheReadTokens: usage.input_tokens_details?.cached_tokens ?? undefined,
    reasoningTokens: usage.output_tokens_details?.reasoning_tokens ?? undefined,
  };
}
