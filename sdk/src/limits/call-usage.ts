import type { ModelRequest, ModelResponse } from "../wire/wire-format.ts";
import type { Pricer } from "./price.ts";
import type { CallUsage } from "./usage.ts";

/** Characters of JSON to a token, where a model does not say how many it read or wrote. */
const CHARS_PER_TOKEN = 4;

export interface AnsweredCall {
  provider: string;
  /** Read when it is asked for: when the answer does not tell. */
  request: () => ModelRequest | undefined;
  response: ModelResponse | undefined;
  price: Pricer;
}

/** What a call used, estimated where it did not say. Undefined: there was no answer. @throws what `price` throws. */
export function usageOfCall({ provider, request, response, price }: AnsweredCall): CallUsage | undefined {
  if (response === undefined || (response.usage === undefined && response.messages.length === 0)) return undefined;
  const inputTokens = response.usage?.inputTokens ?? estimatedInput(request());
  const outputTokens = response.usage?.outputTokens ?? estimated(response.messages);
  const model = response.model ?? request()?.model;
  const cacheReadTokens = response.usage?.cacheReadTokens ?? 0;
  const cacheWriteTokens = response.usage?.cacheWriteTokens ?? 0;
  const costUsd =
    model === undefined
      ? undefined
      : price({ provider, model, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens });
  return { tokens: inputTokens + outputTokens, costUsd };
}

/** A call that is to be made. */
export interface ExpectedCall {
  provider: string;
  body: string | undefined;
  /** Read when a price is asked for. */
  model: () => string | undefined;
  price: Pricer;
}

/** What a call is taken for before it is made: its prompt, priced. */
export function expectedUsage({ provider, body, model, price }: ExpectedCall): CallUsage {
  const inputTokens = Math.ceil((body?.length ?? 0) / CHARS_PER_TOKEN);
  const call = {
    ...{ provider, inputTokens, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 },
    get model() {
      return model() ?? "";
    },
  };
  return { tokens: inputTokens, costUsd: price(call) };
}

function estimatedInput(request: ModelRequest | undefined): number {
  if (request === undefined) return 0;
  return estimated([request.systemInstructions, request.messages, request.toolDefinitions]);
}

function estimated(content: readonly unknown[]): number {
  return content.length === 0 ? 0 : Math.ceil(JSON.stringify(content).length / CHARS_PER_TOKEN);
}
