import type { LlmFacts } from "@runledger/contract";
import { isMembers, membersOrList } from "./json-object.ts";

type Tokens = Pick<
  LlmFacts,
  "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens" | "reasoning_tokens"
>;

/**
 * `usage_details` as totals with parts. In Langfuse each key is a share of its own (`input`, `input_cached_tokens`, `output`,
 * `output_reasoning_tokens`, `cache_read_input_tokens`, …): what names the input belongs to the input, and so on.
 * OpenAI's own form (`prompt_tokens`, `completion_tokens`) has the shares within the totals.
 */
export function langfuseTokens(usageDetails: unknown): Tokens {
  const found = membersOrList(usageDetails);
  const usage = isMembers(found) ? found : {};
  const openai = openaiTokens(usage);
  if (openai !== null) return openai;
  const shares = Object.entries(usage).flatMap(([key, value]) => {
    const count = countOf(value);
    return count === null ? [] : [{ key: wordsOf(key), count }];
  });
  const sumOf = (fits: (key: string) => boolean): number | null => {
    const fitting = shares.filter(({ key }) => fits(key));
    return fitting.length === 0 ? null : fitting.reduce((sum, { count }) => sum + count, 0);
  };
  const input = shares.find(({ key }) => /^(input|prompt)(_tokens)?$/.test(key));
  const output = shares.find(({ key }) => /^(output|completion)(_tokens)?$/.test(key));
  const total = shares.find(({ key }) => /^total(_tokens)?$/.test(key));
  // who hands on totals of another SDK says so by their sum
  const isWhole = input !== undefined && output !== undefined && input.count + output.count === total?.count;
  const isOutput = (key: string) => /output|completion|reasoning/.test(key);
  const isInput = (key: string) => !isOutput(key) && /input|prompt|cache/.test(key);
  const isWrite = (key: string) => /cache/.test(key) && /creat|write|writ/.test(key);
  return {
    input_tokens: isWhole ? input.count : sumOf(isInput),
    output_tokens: isWhole ? output.count : sumOf(isOutput),
    cache_read_tokens: sumOf((key) => isInput(key) && key.includes("cache") && !isWrite(key)),
    cache_write_tokens: sumOf((key) => isInput(key) && isWrite(key)),
    reasoning_tokens: sumOf((key) => key.includes("reasoning")),
  };
}

function openaiTokens(usage: Record<string, unknown>): Tokens | null {
  const input = countOf(usage["prompt_tokens"]);
  const output = countOf(usage["completion_tokens"]);
  if (input === null && output === null) return null;
  const detailOf = (details: unknown, name: string) => (isMembers(details) ? countOf(details[name]) : null);
  return {
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: detailOf(usage["prompt_tokens_details"], "cached_tokens"),
    cache_write_tokens: null,
    reasoning_tokens: detailOf(usage["completion_tokens_details"], "reasoning_tokens"),
  };
}

/** `cachedInputTokens` as `cached_input_tokens`. */
function wordsOf(key: string): string {
  return key.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
