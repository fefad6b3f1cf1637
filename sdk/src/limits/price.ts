import { createRequire } from "node:module";
import type { calcPrice } from "@pydantic/genai-prices";

/** A model call that has ended. Tokens as in the GenAI conventions: input includes cached ones, output includes reasoning. */
export interface PricedCall {
  /** `gen_ai.provider.name`. */
  provider: string;
  /** As the provider answered it, else as it was asked for. */
  model: string;
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
}

/** USD, or undefined when the price is not known. Synchronous: it stands between a call and the next. */
export type Pricer = (call: PricedCall) => number | undefined;

export interface Pricing {
  /** An agent with a limit on money is wrapped. @throws Error when there is no price table and no `price` was given. */
  require(agent: string): void;
  /** Undefined too while no agent has such a limit. */
  price: Pricer;
}

/** The user's prices, or else the table of `@pydantic/genai-prices`: a megabyte that only those load who ask for it. */
export function createPricing(given: Pricer | undefined): Pricing {
  let pricer = given;
  return {
    require(agent) {
      pricer ??= tablePricer(agent);
    },
    price: (call) => pricer?.(call),
  };
}

function tablePricer(agent: string): Pricer {
  let calculate: typeof calcPrice;
  try {
    const load = createRequire(import.meta.url);
    ({ calcPrice: calculate } = load("@pydantic/genai-prices") as { calcPrice: typeof calcPrice });
  } catch (cause) {
    throw new Error(
      `runledger: agent ${agent} has a limit on costUsd, which needs prices: npm install @pydantic/genai-prices, or give createRunledger a \`price\``,
      { cause },
    );
  }
  return ({ provider, model, ...tokens }) => {
    const usage = {
      input_tokens: tokens.inputTokens,
      output_tokens: tokens.outputTokens,
      cache_read_tokens: tokens.cacheReadTokens,
      cache_write_tokens: tokens.cacheWriteTokens,
    };
    return calculate(usage, model, { providerId: PROVIDERS.get(provider) ?? provider })?.total_price;
  };
}

/** Names of the GenAI conventions that the table has under another. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([
  ["azure.ai.inference", "azure"],
  ["x_ai", "x-ai"],
  ["moonshot_ai", "moonshotai"],
  ["together_ai", "together"],
]);
