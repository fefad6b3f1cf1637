import { readFileSync } from "node:fs";
import { calcPrice } from "@pydantic/genai-prices";
import type { CostFacts, LlmFacts } from "@runledger/contract";

/** The price of a model call at a time, or null when the model or its usage is unknown: never zero for unknown. */
export type Pricer = (llm: LlmFacts, startTime: string) => CostFacts | null;

const PRICE_TABLE = "@pydantic/genai-prices";
/** Rates are kept per provider and model; beyond this many the oldest go, and are looked up again. */
const MAX_RATES = 2_000;

/** pico-USD (1e-12) a token; null: no price for this model. `linear` false: tiers or times of day, ask the table each time. */
interface Rates {
  linear: boolean;
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
}

/** Prices calls by the table of `@pydantic/genai-prices`, exact to 1e-9 USD. */
export function createPricer(): Pricer {
  const price_version = priceTableVersion();
  const rates = new Map<string, Rates | null>();
  return (llm, startTime) => {
    const model = llm.response_model ?? llm.request_model;
    if (model === null || llm.input_tokens === null || llm.output_tokens === null) return null;
    const key = `${llm.provider ?? ""}\n${model}`;
    let found = rates.get(key);
    if (found === undefined) {
      found = lookUpRates(model, llm.provider);
      if (rates.size >= MAX_RATES) rates.delete(rates.keys().next().value ?? "");
      rates.set(key, found);
    }
    if (found === null) return null;
    const picoUsd = found.linear ? linearPrice(found, llm) : tablePrice(llm, model, startTime);
    return picoUsd === null ? null : { usd: usdOfPico(picoUsd), price_table: PRICE_TABLE, price_version };
  };
}

/** Reads the rates off the table by pricing a million tokens of each kind, so that the table alone knows how they combine. */
function lookUpRates(model: string, provider: string | null): Rates | null {
  const million = 1_000_000;
  const probe = (usage: Parameters<typeof calcPrice>[0]) => calcPrice(usage, model, providerOption(provider));
  const input = probe({ input_tokens: million });
  const output = probe({ output_tokens: million });
  const cacheRead = probe({ input_tokens: million, cache_read_tokens: million });
  const cacheWrite = probe({ input_tokens: million, cache_write_tokens: million });
  if (input === null || output === null || cacheRead === null || cacheWrite === null) return null;
  const linear =
    !Array.isArray(input.model.prices) && Object.values(input.model_price).every((price) => typeof price === "number");
  const pico = (price: number) => Math.round(price * million);
  return {
    linear,
    input: pico(input.total_price),
    output: pico(output.total_price),
    cacheRead: pico(cacheRead.total_price),
    cacheWrite: pico(cacheWrite.total_price),
  };
}

function linearPrice(rates: Rates, llm: LlmFacts): number | null {
  const cacheRead = llm.cache_read_tokens ?? 0;
  const cacheWrite = llm.cache_write_tokens ?? 0;
  const uncached = (llm.input_tokens ?? 0) - cacheRead - cacheWrite;
  if (uncached < 0) return null; // the sender's numbers contradict each other: no price rather than a wrong one
  return (
    uncached * rates.input +
    cacheRead * rates.cacheRead +
    cacheWrite * rates.cacheWrite +
    (llm.output_tokens ?? 0) * rates.output
  );
}

function tablePrice(llm: LlmFacts, model: string, startTime: string): number | null {
  const cacheRead = llm.cache_read_tokens ?? 0;
  const cacheWrite = llm.cache_write_tokens ?? 0;
  if (cacheRead + cacheWrite > (llm.input_tokens ?? 0)) return null;
  const usage = {
    input_tokens: llm.input_tokens ?? 0,
    output_tokens: llm.output_tokens ?? 0,
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
  };
  const price = calcPrice(usage, model, { ...providerOption(llm.provider), timestamp: new Date(startTime) });
  return price === null ? null : Math.round(price.total_price * 1e12);
}

/** The table knows other names for some providers of the conventions. */
function providerOption(provider: string | null): { providerId?: string } {
  return provider === null ? {} : { providerId: provider };
}

function usdOfPico(picoUsd: number): string {
  const nanos = BigInt(Math.round(picoUsd / 1_000));
  return `${nanos / 1_000_000_000n}.${(nanos % 1_000_000_000n).toString().padStart(9, "0")}`;
}

function priceTableVersion(): string {
  const manifest = new URL("../package.json", import.meta.resolve(PRICE_TABLE));
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return version;
}
