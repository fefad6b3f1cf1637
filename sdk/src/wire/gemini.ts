import { z } from "zod";
import { geminiMessage, geminiToolCalls } from "./gemini-content.ts";
import { parametersOf } from "./parameters.ts";
import { eventData, jsonOrUndefined } from "./server-sent-events.ts";
import { errorOf } from "./wire-error.ts";
import type { ModelRequest, ModelResponse, OfferedTool, Usage, WireFormat } from "./wire-format.ts";

const PATH = /\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;

/** Gemini, by Google's AI Studio or Vertex AI; the model stands in the path. Source: https://ai.google.dev/api/generate-content */
export const gemini: WireFormat = {
  provider: "gcp.gemini",
  matches: (url) => PATH.test(url.pathname),
  readRequest,
  mayAskForTools: (answer) => answer.includes("functionCall"),
  readResponse: (body, stream) => readAnswer(stream ? assembleStream(body) : JSON.parse(body), !stream),
};

const wireRequest = z.looseObject({
  contents: z.array(z.unknown()),
  systemInstruction: z.unknown().optional(),
  tools: z.array(z.looseObject({ functionDeclarations: z.array(z.unknown()).nullish() })).nullish(),
  generationConfig: z.looseObject({}).nullish(),
});
const wireTool = z.looseObject({
  name: z.string(),
  parameters: z.unknown().optional(),
  parametersJsonSchema: z.unknown().optional(),
});
const PARAMETER_NAMES = {
  maxOutputTokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  topP: "gen_ai.request.top_p",
  topK: "gen_ai.request.top_k",
  stopSequences: "gen_ai.request.stop_sequences",
  candidateCount: "gen_ai.request.choice.count",
  seed: "gen_ai.request.seed",
  frequencyPenalty: "gen_ai.request.frequency_penalty",
  presencePenalty: "gen_ai.request.presence_penalty",
};

function readRequest(body: string, url: URL): ModelRequest {
  const { contents, systemInstruction, tools, generationConfig, ...rest } = wireRequest.parse(JSON.parse(body));
  const [, model = "", method] = PATH.exec(url.pathname) ?? [];
  const chat = contents.map((content) => geminiMessage(content));
  const last = chat.at(-1)?.parts ?? [];
  return {
    operation: "generate_content",
    model: decodeURIComponent(model),
    stream: method === "streamGenerateContent",
    systemInstructions: systemInstruction === undefined ? [] : geminiMessage(systemInstruction).parts,
    messages: chat,
    toolDefinitions: (tools ?? []).flatMap(offeredTools),
    parameters: parametersOf({ ...generationConfig, ...rest }, PARAMETER_NAMES, "gcp.gemini"),
    // Ids of ours repeat from turn to turn: only the newest results are news.
    toolResults: last.flatMap(({ type, id, response }) =>
      type === "tool_call_response" && typeof id === "string" ? [{ callId: id, result: response }] : [],
    ),
  };
}

/** The provider's own tools have no declarations, but a member of their own. */
function offeredTools({ functionDeclarations, ...others }: Record<string, unknown>): OfferedTool[] {
  const declared = Array.isArray(functionDeclarations) ? functionDeclarations : [];
  return [
    ...declared.map((tool): OfferedTool => {
      const { data } = wireTool.safeParse(tool);
      if (data === undefined) return { type: "other", name: "", definition: tool };
      const { parameters, parametersJsonSchema, ...rest } = data;
      const schema = parametersJsonSchema ?? lowerCaseTypes(parameters);
      return { ...rest, type: "function", ...(schema === undefined ? {} : { parameters: schema }) };
    }),
    ...Object.entries(others).map(([name, settings]) => ({ type: name, name, settings })),
  ];
}

/** Gemini writes JSON Schema's types in capitals. */
function lowerCaseTypes(schema: unknown, depth = 0): unknown {
  if (depth > MAX_SCHEMA_DEPTH || typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((item) => lowerCaseTypes(item, depth + 1));
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      name === "type" && typeof value === "string" ? value.toLowerCase() : lowerCaseTypes(value, depth + 1),
    ]),
  );
}
const MAX_SCHEMA_DEPTH = 50;

const tokens = z.number().int().nonnegative().nullish();
const wireCandidate = z.looseObject({ content: z.unknown().optional(), finishReason: z.string().nullish() });
const wireAnswer = z.looseObject({
  responseId: z.string().nullish(),
  modelVersion: z.string().nullish(),
  candidates: z.array(wireCandidate).nullish(),
  promptFeedback: z.looseObject({ blockReason: z.string().nullish() }).nullish(),
  usageMetadata: z
    .looseObject({
      promptTokenCount: tokens,
      toolUsePromptTokenCount: tokens,
      cachedContentTokenCount: tokens,
      candidatesTokenCount: tokens,
      thoughtsTokenCount: tokens,
    })
    .nullish()
    .catch(undefined),
  error: z.unknown().optional(),
});

function readAnswer(body: unknown, whole: boolean): ModelResponse {
  const { responseId, modelVersion, candidates, promptFeedback, usageMetadata, error } = wireAnswer.parse(body);
  const messages = (candidates ?? []).flatMap(({ content, finishReason }) =>
    content === undefined
      ? []
      : [{ ...geminiMessage(content, "assistant"), ...(finishReason ? { finish_reason: finishReason } : {}) }],
  );
  const blocked = promptFeedback?.blockReason;
  const finishReasons = (candidates ?? []).flatMap(({ finishReason }) => finishReason ?? []);
  return {
    id: responseId ?? undefined,
    model: modelVersion ?? undefined,
    finishReasons: blocked ? [...finishReasons, blocked] : finishReasons,
    messages,
    toolCalls: messages.flatMap(geminiToolCalls),
    usage: usageOf(usageMetadata),
    error: errorOf(error),
    complete: whole || finishReasons.length > 0 || Boolean(blocked),
  };
}

/** Thoughts are counted apart from the answer, and what tools put into the prompt apart from the prompt. */
function usageOf(usage: z.infer<typeof wireAnswer>["usageMetadata"]): Usage | undefined {
  if (usage === undefined || usage === null) return undefined;
  const { promptTokenCount, toolUsePromptTokenCount, candidatesTokenCount, thoughtsTokenCount } = usage;
  const sum = (a: number | null | undefined, b: number | null | undefined) =>
    typeof a === "number" || typeof b === "number" ? (a ?? 0) + (b ?? 0) : undefined;
  return {
    inputTokens: sum(promptTokenCount, toolUsePromptTokenCount),
    outputTokens: sum(candidatesTokenCount, thoughtsTokenCount),
    cacheReadTokens: usage.cachedContentTokenCount ?? undefined,
    reasoningTokens: thoughtsTokenCount ?? undefined,
  };
}

/** Each event is an answer with the next parts; texts that follow one another are one. Usage is cumulative. */
function assembleStream(transcript: string): Record<string, unknown> {
  const answer: Record<string, unknown> = {};
  const candidates: { role: string; parts: unknown[]; finishReason?: string }[] = [];
  for (const data of eventData(transcript)) {
    const { data: event } = wireAnswer.safeParse(jsonOrUndefined(data));
    if (event === undefined) continue;
    for (const [name, value] of Object.entries(event)) if (value !== undefined) answer[name] = value;
    (event.candidates ?? []).slice(0, MAX_CANDIDATES).forEach((candidate, at) => {
      candidates[at] ??= { role: "model", parts: [] };
      const { data: content } = wireParts.safeParse(candidate.content);
      candidates[at].parts.push(...(content?.parts ?? []));
      if (candidate.finishReason) candidates[at].finishReason = candidate.finishReason;
    });
  }
  answer["candidates"] = candidates.map(({ role, parts, finishReason }) => ({
    content: { role, parts: joined(parts) },
    ...(finishReason ? { finishReason } : {}),
  }));
  return answer;
}
const MAX_CANDIDATES = 100;
const wireParts = z.looseObject({ parts: z.array(z.unknown()).nullish() });
const wireText = z.strictObject({ text: z.string(), thought: z.boolean().optional() });

function joined(parts: readonly unknown[]): unknown[] {
  const result: unknown[] = [];
  for (const part of parts) {
    const [{ data: before }, { data: next }] = [wireText.safeParse(result.at(-1)), wireText.safeParse(part)];
    if (before !== undefined && next !== undefined && before.thought === next.thought) {
      result[result.length - 1] = { ...next, text: before.text + next.text };
    } else result.push(part);
  }
  return result;
}
