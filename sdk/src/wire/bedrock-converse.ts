import { z } from "zod";
import { bedrockMessage, bedrockPart, bedrockToolCalls } from "./bedrock-content.ts";
import { assembleConverseStream } from "./bedrock-stream.ts";
import { parametersOf } from "./parameters.ts";
import type { ModelRequest, ModelResponse, OfferedTool, Usage, WireFormat } from "./wire-format.ts";

const PATH = /\/model\/([^/]+)\/(converse|converse-stream)$/;

/** Bedrock's Converse; the model stands in the path. Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
export const bedrockConverse: WireFormat = {
  provider: "aws.bedrock",
  matches: (url) => PATH.test(url.pathname),
  readRequest,
  mayAskForTools: (answer) => answer.includes("toolUse"),
  readResponse(body, stream) {
    if (!stream) return readAnswer(JSON.parse(body), true);
    const { answer, complete } = assembleConverseStream(body);
    return readAnswer(answer, complete);
  },
};

const wireRequest = z.looseObject({
  messages: z.array(z.unknown()).nullish(),
  system: z.array(z.unknown()).nullish(),
  inferenceConfig: z.looseObject({}).nullish(),
  toolConfig: z.looseObject({ tools: z.array(z.unknown()).nullish() }).nullish(),
});
const wireTool = z.looseObject({
  toolSpec: z.looseObject({ name: z.string(), inputSchema: z.looseObject({ json: z.unknown() }).optional() }),
});
const PARAMETER_NAMES = {
  maxTokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  topP: "gen_ai.request.top_p",
  stopSequences: "gen_ai.request.stop_sequences",
};

function readRequest(body: string, url: URL): ModelRequest {
  const { messages, system, inferenceConfig, toolConfig, ...rest } = wireRequest.parse(JSON.parse(body));
  const [, model = "", method] = PATH.exec(url.pathname) ?? [];
  const { tools, ...choice } = toolConfig ?? {};
  const chat = (messages ?? []).map(bedrockMessage);
  return {
    operation: "chat",
    model: decodeURIComponent(model),
    stream: method === "converse-stream",
    systemInstructions: (system ?? []).map(bedrockPart),
    messages: chat,
    toolDefinitions: (tools ?? []).map(offeredTool),
    parameters: parametersOf({ ...inferenceConfig, ...choice, ...rest }, PARAMETER_NAMES, "aws.bedrock"),
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
  const { inputSchema, ...rest } = data.toolSpec;
  return { ...rest, type: "function", ...(inputSchema === undefined ? {} : { parameters: inputSchema.json }) };
}

const tokens = z.number().int().nonnegative().nullish();
const wireAnswer = z.looseObject({
  output: z.looseObject({ message: z.unknown().optional() }).nullish(),
  stopReason: z.string().nullish(),
  usage: z
    .looseObject({
      inputTokens: tokens,
      outputTokens: tokens,
      totalTokens: tokens,
      cacheReadInputTokens: tokens,
      cacheWriteInputTokens: tokens,
    })
    .nullish()
    .catch(undefined),
  /** Of an answer with an error status. */
  message: z.string().nullish(),
  __type: z.string().nullish(),
});

function readAnswer(body: unknown, complete: boolean): ModelResponse {
  const { output, stopReason, usage, message: problem, __type } = wireAnswer.parse(body);
  const message = output?.message === undefined ? undefined : bedrockMessage(output.message);
  return {
    id: undefined,
    model: undefined,
    finishReasons: stopReason ? [stopReason] : [],
    messages: message === undefined ? [] : [{ ...message, ...(stopReason ? { finish_reason: stopReason } : {}) }],
    toolCalls: message === undefined ? [] : bedrockToolCalls(message),
    usage: usageOf(usage),
    error: problem ? { type: __type ?? "error", message: problem } : undefined,
    complete,
  };
}

/** Bedrock counts cached tokens apart from the rest of the input; `totalTokens` is all there is. */
function usageOf(usage: z.infer<typeof wireAnswer>["usage"]): Usage | undefined {
  if (usage === undefined || usage === null) return undefined;
  const { inputTokens, outputTokens, totalTokens, cacheReadInputTokens: read, cacheWriteInputTokens: written } = usage;
  const summed = typeof inputTokens === "number" ? inputTokens + (read ?? 0) + (written ?? 0) : undefined;
  const isTold = typeof totalTokens === "number" && typeof outputTokens === "number" && totalTokens >= outputTokens;
  return {
    inputTokens: isTold ? totalTokens - outputTokens : summed,
    outputTokens: outputTokens ?? undefined,
    cacheReadTokens: read ?? undefined,
    cacheWriteTokens: written ?? undefined,
    reasoningTokens: undefined,
  };
}
