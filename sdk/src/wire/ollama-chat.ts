import type { ChatMessage } from "@runledger/contract";
import { z } from "zod";
import { parametersOf } from "./parameters.ts";
import { jsonOrUndefined } from "./server-sent-events.ts";
import { errorOf } from "./wire-error.ts";
import type { AskedToolCall, ModelRequest, ModelResponse, OfferedTool, WireFormat } from "./wire-format.ts";

/** Ollama's chat. It streams JSON by the line unless told not to. Source: https://github.com/ollama/ollama/blob/main/docs/api.md */
export const ollamaChat: WireFormat = {
  provider: "ollama",
  pathIsCommon: true,
  matches: (url) => url.pathname.endsWith("/api/chat"),
  readRequest,
  mayAskForTools: (answer) => answer.includes("tool_calls"),
  readResponse: (body, stream) => readAnswer(stream ? assembleLines(body) : JSON.parse(body)),
};

const wireToolCall = z.looseObject({
  id: z.string().nullish(),
  function: z.looseObject({ name: z.string(), arguments: z.unknown().optional() }),
});
const wireMessage = z.looseObject({
  role: z.string(),
  content: z.string().nullish(),
  thinking: z.string().nullish(),
  images: z.array(z.string()).nullish(),
  tool_calls: z.array(wireToolCall).nullish(),
  tool_name: z.string().nullish(),
  tool_call_id: z.string().nullish(),
});
const wireTool = z.looseObject({ type: z.string(), function: z.looseObject({ name: z.string() }) });
const wireRequest = z.looseObject({
  model: z.string(),
  messages: z.array(z.unknown()),
  tools: z.array(z.unknown()).nullish(),
  stream: z.boolean().nullish(),
  options: z.looseObject({}).nullish(),
});
const PARAMETER_NAMES = {
  num_predict: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  top_p: "gen_ai.request.top_p",
  top_k: "gen_ai.request.top_k",
  seed: "gen_ai.request.seed",
  stop: "gen_ai.request.stop_sequences",
};

function readRequest(body: string): ModelRequest {
  const { model, messages, tools, stream, options, ...rest } = wireRequest.parse(JSON.parse(body));
  const chat = messages.map((message) => ollamaMessage(message));
  const isSystem = ({ role }: ChatMessage) => role === "system";
  const answered = chat.slice(chat.findLastIndex(({ role }) => role === "assistant") + 1);
  return {
    operation: "chat",
    model,
    stream: stream ?? true,
    systemInstructions: chat.filter(isSystem).flatMap(({ parts }) => parts),
    messages: chat.filter((message) => !isSystem(message)),
    toolDefinitions: (tools ?? []).map((tool): OfferedTool => {
      const { data } = wireTool.safeParse(tool);
      return data === undefined ? { type: "other", name: "", definition: tool } : { ...data.function, type: data.type };
    }),
    parameters: parametersOf({ ...options, ...rest }, PARAMETER_NAMES, "ollama"),
    toolResults: resultsOf(answered),
  };
}

/** Ollama's calls have no ids: the n-th call of a tool is answered by the n-th result that names it, and both get the id `<name>:<n>`. */
function resultsOf(answered: readonly ChatMessage[]): ModelRequest["toolResults"] {
  const counted = new Map<string, number>();
  return answered.flatMap(({ parts }) =>
    parts.flatMap(({ type, id, name, response }) => {
      if (type !== "tool_call_response") return [];
      const tool = String(name ?? "");
      const n = counted.get(tool) ?? 0;
      counted.set(tool, n + 1);
      return [{ callId: typeof id === "string" ? id : `${tool}:${n}`, result: response }];
    }),
  );
}

function ollamaMessage(message: unknown): ChatMessage {
  const parsed = wireMessage.safeParse(message);
  if (!parsed.success) return { role: "unknown", parts: [{ type: "other", content: message }] };
  const { role, content, thinking, images, tool_calls, tool_name, tool_call_id, ...rest } = parsed.data;
  if (role === "tool") {
    const result = {
      type: "tool_call_response",
      id: tool_call_id ?? undefined,
      name: tool_name,
      response: content ?? "",
    };
    return { ...rest, role, parts: [result] };
  }
  return {
    ...rest,
    role,
    parts: [
      ...(thinking ? [{ type: "reasoning", content: thinking }] : []),
      ...(content ? [{ type: "text", content }] : []),
      ...(images ?? []).map((image) => ({ type: "blob", modality: "image", content: image })),
      ...callsOf(tool_calls ?? []).map(({ callId, name, arguments: args }) => ({
        type: "tool_call",
        id: callId,
        name,
        arguments: JSON.parse(args),
      })),
    ],
  };
}

function callsOf(calls: readonly z.infer<typeof wireToolCall>[]): AskedToolCall[] {
  const counted = new Map<string, number>();
  return calls.map(({ id, function: { name, arguments: args } }) => {
    const n = counted.get(name) ?? 0;
    counted.set(name, n + 1);
    return { callId: id ?? `${name}:${n}`, name, arguments: JSON.stringify(args ?? {}) };
  });
}

const tokens = z.number().int().nonnegative().nullish();
const wireAnswer = z.looseObject({
  model: z.string().nullish(),
  message: wireMessage.nullish(),
  done: z.boolean().nullish(),
  done_reason: z.string().nullish(),
  prompt_eval_count: tokens,
  eval_count: tokens,
  error: z.unknown().optional(),
});

function readAnswer(body: unknown): ModelResponse {
  const { model, message, done, done_reason, prompt_eval_count, eval_count, error } = wireAnswer.parse(body);
  const usage = {
    inputTokens: prompt_eval_count ?? undefined,
    outputTokens: eval_count ?? undefined,
    cacheReadTokens: undefined,
    reasoningTokens: undefined,
  };
  return {
    id: undefined,
    model: model ?? undefined,
    finishReasons: done_reason ? [done_reason] : [],
    messages: message ? [{ ...ollamaMessage(message), ...(done_reason ? { finish_reason: done_reason } : {}) }] : [],
    toolCalls: callsOf(message?.tool_calls ?? []),
    usage: usage.inputTokens === undefined && usage.outputTokens === undefined ? undefined : usage,
    error: errorOf(error),
    complete: done ?? false,
  };
}

/** Texts grow line by line; the last line has the counts. */
function assembleLines(transcript: string): Record<string, unknown> {
  let answer: Record<string, unknown> = {};
  const message = { role: "assistant", content: "", thinking: "", tool_calls: [] as unknown[] };
  for (const line of transcript.split("\n")) {
    const { data } = wireAnswer.safeParse(jsonOrUndefined(line));
    if (data === undefined) continue;
    answer = { ...answer, ...data };
    message.content += data.message?.content ?? "";
    message.thinking += data.message?.thinking ?? "";
    message.tool_calls.push(...(data.message?.tool_calls ?? []));
  }
  return { ...answer, message };
}
