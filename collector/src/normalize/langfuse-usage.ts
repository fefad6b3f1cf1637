import type { LlmFacts } from "@runledger/contract";
import { isMembers, membersOrList } from "./json-object.ts";
import { type ModalityTokens, modalityMembers } from "./modality-tokens.ts";

type Tokens = Pick<
  LlmFacts,
  "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens" | "reasoning_tokens"
> &
  ModalityTokens;

/**
 * `usage_details` as totals with parts. In Langfuse each key is a share of its own (`input`, `input_cached_tokens`, `output`,
 * `output_reasoning_tokens`, `cache_read_input_tokens`, …): what names the input belongs to the input, and so on.
 * OpenAI's own forms (`prompt_tokens`, `completion_tokens`; `input_tokens` with details) have the shares within the totals.
 */
export function langfuseTokens(usageDetails: unknown): Tokens {
  const found = membersOrList(usageDetails);
  const usage = isMembers(found) ? found : {};
  const openai = openaiTokens(usage);
  if (openai !== null) return openai;
  const shares = sharesOf(usage);
  const { wholeInput, wholeOutput, total } = shares;
  // who hands on totals of another SDK says so by their sum
  const isWhole = wholeInput !== null && wholeOutput !== null && wholeInput + wholeOutput === total;
  return {
    input_tokens: isWhole ? wholeInput : shares.input,
    output_tokens: isWhole ? wholeOutput : shares.output,
    cache_read_tokens: shares.read,
    cache_write_tokens: shares.written,
    reasoning_tokens: shares.reasoning,
    ...modalityShares(usage),
  };
}

/** Sums of the shares that name each of these; and the first that is a whole by its name. null: there is none. */
type Shares = Record<
  "input" | "output" | "read" | "written" | "reasoning" | "wholeInput" | "wholeOutput" | "total",
  number | null
>;

function sharesOf(usage: Record<string, unknown>): Shares {
  const shares: Shares = {
    input: null,
    output: null,
    read: null,
    written: null,
    reasoning: null,
    wholeInput: null,
    wholeOutput: null,
    total: null,
  };
  const add = (name: keyof Shares, count: number) => {
    shares[name] = (shares[name] ?? 0) + count;
  };
  for (const key in usage) {
    const count = countOf(usage[key]);
    if (count === null) continue;
    const { whole, parts } = namedBy(key);
    if (whole !== undefined) shares[whole] ??= count;
    for (const part of parts) add(part, count);
  }
  return shares;
}

/** What a key of `usage_details` names. */
interface Named {
  whole: "wholeInput" | "wholeOutput" | "total" | undefined;
  parts: readonly ("input" | "output" | "read" | "written" | "reasoning")[];
  modalities: readonly Modality[];
  isOutput: boolean;
  isCached: boolean;
}

const MODALITIES = ["audio", "image"] as const;
type Modality = (typeof MODALITIES)[number];

/** More keys than all providers have together; a longer one is nobody's. */
const MAX_KNOWN = 200;
const MAX_KEY_CHARS = 100;
const known = new Map<string, Named>();

function namedBy(key: string): Named {
  let named = known.get(key);
  if (named === undefined) {
    named = namedByWords(wordsOf(key));
    if (known.size < MAX_KNOWN && key.length <= MAX_KEY_CHARS) known.set(key, named);
  }
  return named;
}

function namedByWords(words: string): Named {
  const isReasoning = words.includes("reasoning");
  const isOutput = /output|completion/.test(words);
  const isInput = !isOutput && !isReasoning && /input|prompt|cache/.test(words);
  const isCached = words.includes("cache");
  const parts: Named["parts"][number][] = isReasoning ? ["reasoning"] : [];
  if (isOutput || isReasoning) parts.push("output");
  if (isInput) parts.push("input");
  if (isInput && isCached) parts.push(/creat|write|writ/.test(words) ? "written" : "read");
  const modalities = MODALITIES.filter((modality) => words.includes(modality));
  return { whole: WHOLES.get(words), parts, modalities, isOutput, isCached };
}

/** `input_audio_tokens`, `output_audio`, `cached_modality_audio`, …; as with the others, what is cached is a share of its own. */
function modalityShares(usage: Record<string, unknown>): ModalityTokens {
  const told: Record<Modality, NonNullable<LlmFacts["audio_tokens"]>> = { audio: {}, image: {} };
  for (const key in usage) {
    const { modalities, isOutput, isCached } = namedBy(key);
    const count = modalities.length === 0 ? null : countOf(usage[key]);
    if (count === null) continue;
    for (const modality of modalities) {
      const tokens = told[modality];
      if (isOutput) tokens.output_tokens = (tokens.output_tokens ?? 0) + count;
      else tokens.input_tokens = (tokens.input_tokens ?? 0) + count;
      if (!isOutput && isCached) tokens.cache_read_tokens = (tokens.cache_read_tokens ?? 0) + count;
    }
  }
  return modalityMembers(told.audio, told.image);
}

const WHOLES: ReadonlyMap<string, "wholeInput" | "wholeOutput" | "total"> = new Map([
  ["input", "wholeInput"],
  ["input_tokens", "wholeInput"],
  ["prompt", "wholeInput"],
  ["prompt_tokens", "wholeInput"],
  ["output", "wholeOutput"],
  ["output_tokens", "wholeOutput"],
  ["completion", "wholeOutput"],
  ["completion_tokens", "wholeOutput"],
  ["total", "total"],
  ["total_tokens", "total"],
]);

function openaiTokens(usage: Record<string, unknown>): Tokens | null {
  const { prompt_tokens_details, input_tokens_details, completion_tokens_details, output_tokens_details } = usage;
  const inputDetails = prompt_tokens_details ?? input_tokens_details;
  const outputDetails = completion_tokens_details ?? output_tokens_details;
  // without details the names of the responses API are others' shares, too, and beside Anthropic's keys with them
  const isAnthropic = "cache_read_input_tokens" in usage || "cache_creation_input_tokens" in usage;
  const isResponse = !isAnthropic && (isMembers(input_tokens_details) || isMembers(output_tokens_details));
  const input = countOf(usage["prompt_tokens"] ?? (isResponse ? usage["input_tokens"] : null));
  const output = countOf(usage["completion_tokens"] ?? (isResponse ? usage["output_tokens"] : null));
  if (input === null && output === null) return null;
  const detailOf = (details: unknown, name: string) => (isMembers(details) ? countOf(details[name]) : null);
  const partsOf = (modality: "audio" | "image") => {
    const [read, said] = [inputDetails, outputDetails].map((details) => detailOf(details, `${modality}_tokens`));
    return { ...(read == null ? {} : { input_tokens: read }), ...(said == null ? {} : { output_tokens: said }) };
  };
  return {
    ...modalityMembers(partsOf("audio"), partsOf("image")),
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: detailOf(inputDetails, "cached_tokens"),
    cache_write_tokens: null,
    reasoning_tokens: detailOf(outputDetails, "reasoning_tokens"),
  };
}

/** `cachedInputTokens` as `cached_input_tokens`. */
function wordsOf(key: string): string {
  return /^[a-z_]+$/.test(key) ? key : key.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
