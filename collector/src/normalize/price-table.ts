import { readFileSync } from "node:fs";
import { calcPrice, findProvider, type ModelPrice } from "@pydantic/genai-prices";

/** A price of tokens: USD for a million × 1e12, which is 1e-18 USD a token. Above `start` input tokens in a call the last such tier holds. */
export interface Rate {
  base: bigint;
  tiers: readonly { start: number; price: bigint }[];
}

/** Of tokens that are no text. null: no price of its own, as below. */
export type ModalityRates = Record<"input" | "output" | "cacheRead", Rate | null>;

/** null: no price of its own; then the tokens cost what all others of their direction do. */
export interface Rates {
  input: Rate | null;
  output: Rate | null;
  cacheRead: Rate | null;
  cacheWrite: Rate | null;
  cacheWrite1h: Rate | null;
  reasoning: Rate | null;
  audio: ModalityRates;
  image: ModalityRates;
  /** 1e-18 USD for the call itself. */
  request: bigint;
}

export interface TableModel {
  contextWindow: number | null;
  /** What the table says of it: `provider` and the members of the package's `ModelInfo`. */
  entry: object;
  /** The rates at a time, RFC 3339: some models change with the date or the hour. */
  ratesAt(time: string): Rates;
}

export const PRICE_TABLE = "@pydantic/genai-prices";

/** Names of the semantic conventions, LiteLLM and the AI SDK that the table does not know, or takes for another provider. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([
  ["azure.ai.openai", "azure"],
  ["azure.ai.inference", "azure"],
  ["az.ai.openai", "azure"],
  ["az.ai.inference", "azure"],
  ["azure_ai", "azure"],
  ["azure-openai", "azure"],
  ["azure_openai", "azure"],
  ["gcp.gen_ai", "google"],
  ["x_ai", "x-ai"],
  ["moonshot_ai", "moonshotai"],
  ["together.ai", "together"],
  ["togetherai", "together"],
  ["fireworks_ai", "fireworks"],
  ["fireworks-ai", "fireworks"],
  ["zhipu", "zhipuai"],
  ["z_ai", "zai"],
  ["z.ai", "zai"],
]);
/** They pass calls on: the provider stands before the slash of the model's name, or nowhere. */
const GATEWAYS: ReadonlySet<string> = new Set([
  "litellm",
  "litellm_proxy",
  "gateway",
  "vercel",
  "portkey",
  "helicone",
  "strands-agents",
]);
/** Whoever is called by the wire protocol of another provider, such models run nowhere but in their makers' hands. */
const CLOSED_MODELS = /^(claude-|gemini-)/;
/** Names that only OpenAI gives, and the table does not know by themselves. */
const OPENAI_MODELS = /^(text-embedding-(3-|ada-)|ft:gpt-|chatgpt-)/;
/** A tag as Ollama writes it: a local model, whatever it is called. */
const LOCAL_TAG = /:(latest|[\d.]+[bm]\b.*)$/;
const BEDROCK_ARN = /^arn:aws[\w-]*:bedrock:[^/]*\//;
const MAX_SLASHES = 3;

/** The table's id of a provider by any of its names; the lower-cased name when the table does not have it. */
export function providerId(name: string): string {
  const lower = name.trim().toLowerCase();
  const known = PROVIDERS.get(lower) ?? lower;
  return findProvider({ providerId: known })?.id ?? known;
}

/** The model of a provider (null: found by the model's name), or null when the table does not know the two for certain. */
export function findTableModel(provider: string | null, model: string, depth = 0): TableModel | null {
  const name = model
    .trim()
    .toLowerCase()
    .replace(BEDROCK_ARN, "")
    .replace(/^(publishers\/[^/]+\/)?models\//, "");
  if (name === "" || LOCAL_TAG.test(name)) return null;
  const id = provider === null || GATEWAYS.has(provider.toLowerCase()) ? null : providerId(provider);
  if (id !== null && findProvider({ providerId: id }) === undefined) return null;
  const slash = name.indexOf("/");
  const found = id === null && slash > 0 ? null : lookUp(id, name);
  if (found !== null) return found;
  if (slash > 0 && depth < MAX_SLASHES && findProvider({ providerId: providerId(name.slice(0, slash)) }) !== undefined)
    return findTableModel(name.slice(0, slash), name.slice(slash + 1), depth + 1);
  return id === "openai" && CLOSED_MODELS.test(name) ? lookUp(null, name) : null;
}

function lookUp(id: string | null, name: string): TableModel | null {
  const maker = id ?? (OPENAI_MODELS.test(name) ? "openai" : null);
  const found = calcPrice({}, name, maker === null ? {} : { providerId: maker });
  if (found === null) return null;
  const { model, provider } = found;
  const contextWindow = model.context_window ?? null;
  const entry = { provider: provider.id, ...model };
  if (!Array.isArray(model.prices)) {
    const rates = ratesOf(model.prices);
    return { contextWindow, entry, ratesAt: () => rates };
  }
  const alone = { ...provider, models: [model], fallback_model_providers: [] };
  return {
    contextWindow,
    entry,
    ratesAt: (time) =>
      ratesOf(calcPrice({}, name, { provider: alone, timestamp: new Date(time) })?.model_price ?? found.model_price),
  };
}

function ratesOf(prices: ModelPrice): Rates {
  const rate = (key: string): Rate | null => {
    const price = prices[key];
    if (price === undefined) return null;
    if (typeof price === "number") return flatRate(price);
    const tiers = price.tiers.map(({ start, price: usd }) => ({ start, price: atto(usd) }));
    return { base: atto(price.base), tiers: tiers.sort((a, b) => a.start - b.start) };
  };
  return {
    input: rate("input_mtok"),
    output: rate("output_mtok"),
    cacheRead: rate("cache_read_mtok"),
    cacheWrite: rate("cache_write_mtok"),
    cacheWrite1h: rate("cache_write_1h_mtok"),
    reasoning: rate("output_reasoning_mtok"),
    audio: {
      input: rate("input_audio_mtok"),
      output: rate("output_audio_mtok"),
      cacheRead: rate("cache_audio_read_mtok"),
    },
    image: {
      input: rate("input_image_mtok"),
      output: rate("output_image_mtok"),
      cacheRead: rate("cache_image_read_mtok"),
    },
    request: (rate("requests_kcount")?.base ?? 0n) * 1_000n,
  };
}

/** One price at any length. `usdPerMillion` with at most 12 digits after the point. */
export function flatRate(usdPerMillion: number): Rate {
  return { base: atto(usdPerMillion), tiers: [] };
}

function atto(usdPerMillion: number): bigint {
  return BigInt(Math.round(usdPerMillion * 1e12));
}

export function priceTableVersion(): string {
  const manifest = new URL("../package.json", import.meta.resolve(PRICE_TABLE));
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return version;
}
