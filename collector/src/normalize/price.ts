import type { CostFacts, LlmFacts } from "@runledger/contract";
import { createOverrideFinder, type ModelOverride, type PriceOverrides } from "./price-overrides.ts";
import {
  findTableModel,
  flatRate,
  type ModalityRates,
  PRICE_TABLE,
  priceTableVersion,
  type Rate,
  type Rates,
} from "./price-table.ts";

/** The price of a model call at a time, or null when the model or its usage is unknown: never zero for unknown. */
export type Pricer = (llm: LlmFacts, startTime: string) => CostFacts | null;

export interface Prices {
  cost: Pricer;
  /** Tokens that the model can hold, where known. */
  contextWindow(llm: LlmFacts): number | null;
  /** What a call of this model is priced by; null when no table has a price. */
  pricedBy(llm: LlmFacts): PricedModel | null;
}

/** A model's entry in a price table, in the table's own form: a `ModelOverride`, or the provider's name and `ModelInfo` of `@pydantic/genai-prices`. */
export interface PricedModel {
  price_table: string;
  price_version: string;
  model: object;
}

/** What is found of a model is kept per provider and names; beyond this many the oldest go, and are looked up again. */
const MAX_KNOWN = 2_000;
/** No model is called by a longer name. */
const MAX_NAME_LENGTH = 300;

/** What makes a name longer and no other model of it. */
const DATE = /^[-@:]\d{4}(-?\d\d){0,2}(-v\d+(:\d+)?)?$/;

/** All that is known of a model, from whatever table. */
interface KnownModel {
  ratesAt: ((time: string) => Rates) | null;
  contextWindow: number | null;
  entry: object | null;
  price_table: string;
  price_version: string;
}

/**
 * Prices calls by the user's own table, and where that has no price by the one of `@pydantic/genai-prices`; exact to 1e-9 USD.
 * A known price of 0 is one; what is not known is null.
 */
export function createPrices(overrides: PriceOverrides | null): Prices {
  const tableVersion = priceTableVersion();
  const overridesOf = overrides === null ? () => [] : createOverrideFinder(overrides);
  const known = new Map<string, KnownModel>();

  const lookUp = (llm: LlmFacts): KnownModel => {
    const own = overridesOf(llm);
    const priced = own.find(({ input }) => input !== undefined);
    const inTable = modelInTable(llm);
    const contextWindow = own.find(({ context_window }) => context_window !== undefined)?.context_window;
    return {
      ...(priced === undefined || overrides === null
        ? {
            ratesAt: inTable?.ratesAt ?? null,
            entry: inTable?.entry ?? null,
            price_table: PRICE_TABLE,
            price_version: tableVersion,
          }
        : {
            ratesAt: overrideRates(priced),
            entry: priced,
            price_table: overrides.name,
            price_version: overrides.version,
          }),
      contextWindow: contextWindow ?? inTable?.contextWindow ?? null,
    };
  };
  let last: { llm: LlmFacts; found: KnownModel | null } | null = null;
  const find = (llm: LlmFacts): KnownModel | null => {
    if (last === null || !isOfSameModel(last.llm, llm)) last = { llm, found: findByNames(llm) };
    return last.found;
  };
  const findByNames = (llm: LlmFacts): KnownModel | null => {
    const { provider, response_model, request_model } = llm;
    if (!isName(provider) || !isName(response_model) || !isName(request_model)) return null;
    const key = `${provider ?? ""}\n${response_model ?? ""}\n${request_model ?? ""}`;
    let found = known.get(key);
    if (found === undefined) {
      found = lookUp(llm);
      if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value ?? "");
      known.set(key, found);
    }
    return found;
  };

  return {
    cost(llm, startTime) {
      const model = find(llm);
      if (model === null || model.ratesAt === null) return null;
      const usd = usdOfCall(model.ratesAt(startTime), llm);
      return usd === null ? null : { usd, price_table: model.price_table, price_version: model.price_version };
    },
    contextWindow: (llm) => find(llm)?.contextWindow ?? null,
    pricedBy(llm) {
      const found = find(llm);
      if (found === null || found.entry === null) return null;
      const { price_table, price_version, entry: model } = found;
      return { price_table, price_version, model };
    },
  };
}

function isName(name: string | null): boolean {
  return name === null || (name.length <= MAX_NAME_LENGTH && !name.includes("\n"));
}

function isOfSameModel(a: LlmFacts, b: LlmFacts): boolean {
  return a.provider === b.provider && a.response_model === b.response_model && a.request_model === b.request_model;
}

/** By the model that answered; by the one that was asked for where the answer's name is only its longer, dated form. */
function modelInTable({ provider, response_model, request_model }: LlmFacts) {
  const answered = response_model === null ? null : findTableModel(provider, response_model);
  if (answered !== null || request_model === null) return answered;
  if (response_model === null) return findTableModel(provider, request_model);
  const [asked, got] = [request_model, response_model].map((name) =>
    name.slice(name.lastIndexOf("/") + 1).toLowerCase(),
  );
  const isDated =
    got !== undefined && asked !== undefined && got.startsWith(asked) && DATE.test(got.slice(asked.length));
  return isDated ? findTableModel(provider, request_model) : null;
}

function overrideRates(own: ModelOverride): () => Rates {
  const rate = (usd: number | undefined) => (usd === undefined ? null : flatRate(usd));
  const rates: Rates = {
    input: rate(own.input),
    output: rate(own.output),
    cacheRead: rate(own.cache_read),
    cacheWrite: rate(own.cache_write),
    cacheWrite1h: null,
    reasoning: null,
    audio: NO_RATES,
    image: NO_RATES,
    request: 0n,
  };
  return () => rates;
}

const NO_RATES: Rates["audio"] = { input: null, output: null, cacheRead: null };

/** Parts are taken out of their whole and priced by themselves where they have a price. null when that can't be known. */
function usdOfCall(rates: Rates, llm: LlmFacts): string | null {
  const cacheRead = llm.cache_read_tokens ?? 0;
  const cacheWrite = llm.cache_write_tokens ?? 0;
  const cacheWrite1h = rates.cacheWrite1h === null ? 0 : (llm.cache_write_1h_tokens ?? 0);
  const reasoning = rates.reasoning === null ? 0 : (llm.reasoning_tokens ?? 0);
  const input = llm.input_tokens ?? cacheRead + cacheWrite;
  const output = llm.output_tokens ?? reasoning;
  // An embedding writes nothing; of what should have written, or is said to have, the price is not known.
  if (rates.input === null || (rates.output === null && output > 0)) return null;
  if (llm.input_tokens === null && !isFree(rates.input, rates.cacheRead, rates.cacheWrite)) return null;
  if (llm.output_tokens === null && !isFree(rates.output, rates.reasoning)) return null;
  // The sender's numbers contradict each other: no price rather than a wrong one.
  if (cacheRead + cacheWrite > input || cacheWrite1h > cacheWrite || reasoning > output) return null;

  const cost = (tokens: number, rate: Rate | null) =>
    rate === null || tokens === 0 ? 0n : BigInt(tokens) * priceOf(rate, input);
  const inText = { input: input - cacheRead - cacheWrite, cacheRead, output: output - reasoning };
  let apart = 0n;
  for (const modality of ["audio", "image"] as const) {
    const told = llm[`${modality}_tokens`];
    if (told === undefined) continue;
    const tokens = tokensApart(rates[modality], told, cacheRead);
    if (tokens === null) return null;
    for (const part of ["input", "cacheRead", "output"] as const) {
      inText[part] -= tokens[part];
      if (inText[part] < 0) return null;
      apart += cost(tokens[part], rates[modality][part]);
    }
  }
  return usdOfAtto(
    cost(inText.input, rates.input) +
      cost(inText.cacheRead, rates.cacheRead ?? rates.input) +
      cost(cacheWrite - cacheWrite1h, rates.cacheWrite ?? rates.input) +
      cost(cacheWrite1h, rates.cacheWrite1h) +
      cost(inText.output, rates.output) +
      cost(reasoning, rates.reasoning) +
      apart +
      rates.request,
  );
}

type Apart = Record<"input" | "cacheRead" | "output", number>;

/** Those of a modality that have a price of their own. null: it is not told how many of them came from the cache, or the numbers contradict each other. */
function tokensApart(
  rates: ModalityRates,
  told: NonNullable<LlmFacts["audio_tokens"]>,
  cacheRead: number,
): Apart | null {
  const { input_tokens: all = 0, output_tokens: output = 0, cache_read_tokens: cached } = told;
  const isCachedKnown = cached !== undefined || cacheRead === 0 || all === 0;
  const hasInputPrice = rates.input !== null || rates.cacheRead !== null;
  if (hasInputPrice && (!isCachedKnown || (cached ?? 0) > all)) return null;
  return {
    input: rates.input === null ? 0 : all - (cached ?? 0),
    cacheRead: rates.cacheRead === null ? 0 : (cached ?? 0),
    output: rates.output === null ? 0 : output,
  };
}

function priceOf(rate: Rate, inputTokens: number): bigint {
  if (rate.tiers.length === 0) return rate.base;
  return rate.tiers.findLast(({ start }) => inputTokens > start)?.price ?? rate.base;
}

/** Free whatever the number of tokens, so that it need not be known. */
function isFree(...rates: (Rate | null)[]): boolean {
  return rates.every((rate) => rate === null || (rate.base === 0n && rate.tiers.every(({ price }) => price === 0n)));
}

/** Rounded half up to 1e-9. */
function usdOfAtto(atto: bigint): string {
  const nanos = (atto + 500_000_000n) / 1_000_000_000n;
  return `${nanos / 1_000_000_000n}.${(nanos % 1_000_000_000n).toString().padStart(9, "0")}`;
}
