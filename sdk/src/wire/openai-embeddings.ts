import { z } from "zod";
import { parametersOf } from "./parameters.ts";
import { errorOf } from "./wire-error.ts";
import type { WireFormat } from "./wire-format.ts";

const wireRequest = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.unknown())]),
});
const wireAnswer = z.looseObject({
  model: z.string().nullish(),
  usage: z.looseObject({ prompt_tokens: z.number().int().nonnegative().nullish() }).nullish().catch(undefined),
  error: z.unknown().optional(),
});

/** OpenAI embeddings. The vectors are not kept. Source: https://platform.openai.com/docs/api-reference/embeddings */
export const openaiEmbeddings: WireFormat = {
  provider: "openai",
  pathIsCommon: true,
  matches: (url) => url.pathname.endsWith("/embeddings"),
  readRequest(body) {
    const { model, input, ...rest } = wireRequest.parse(JSON.parse(body));
    const texts = typeof input === "string" ? [input] : input;
    return {
      operation: "embeddings",
      model,
      stream: false,
      systemInstructions: [],
      messages: texts.map((text) => ({
        role: "user",
        parts: [typeof text === "string" ? { type: "text", content: text } : { type: "tokens", content: text }],
      })),
      toolDefinitions: [],
      parameters: parametersOf(rest, {}, "openai"),
      toolResults: [],
    };
  },
  mayAskForTools: () => false,
  readResponse(body) {
    const { model, usage, error } = wireAnswer.parse(JSON.parse(body));
    const inputTokens = usage?.prompt_tokens ?? undefined;
    return {
      id: undefined,
      model: model ?? undefined,
      finishReasons: [],
      messages: [],
      toolCalls: [],
      usage: { inputTokens, outputTokens: undefined, cacheReadTokens: undefined, reasoningTokens: undefined },
      error: errorOf(error),
      complete: true,
      bulky: error === undefined,
    };
  },
};
