import type { LlmFacts } from "@runledger/contract";
import { GEN_AI } from "@runledger/contract";
import { isMembers, membersOrList } from "./json-object.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

export type Tokens = Pick<
  LlmFacts,
  "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens" | "reasoning_tokens"
>;

const KEYS = {
  input: [
    GEN_AI.inputTokens,
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "ai.usage.tokens",
    "ai.usage.input_tokens",
  ],
  output: [GEN_AI.outputTokens, "ai.usage.outputTokens", "ai.usage.completionTokens", "ai.usage.output_tokens"],
  cacheRead: [GEN_AI.cacheReadTokens, "ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"],
  cacheWrite: [GEN_AI.cacheCreationTokens, "ai.usage.inputTokenDetails.cacheWriteTokens"],
  reasoning: ["ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"],
  /** What is left of the totals without their parts. */
  rests: ["ai.usage.inputTokenDetails.noCacheTokens", "ai.usage.outputTokenDetails.textTokens"],
} as const;

/**
 * The tokens of a model call of the AI SDK, cached and reasoning ones as parts of the totals. Up to version 5 the SDK hands on what the
 * provider's package says, and some leave such parts out of the totals; from 6 on the SDK puts them together and says so by
 * `inputTokenDetails`. Source: packages ai 5.0, 6.0, 7.0 and their `LanguageModelUsage`.
 */
export function vercelTokens(span: SpanView, attributes: AttributeReader, provider: string | null): Tokens {
  const keys = attributes.among(KEYS);
  const first = (list: readonly string[]) => attributes.tokens(list);
  const input = first(keys.input);
  const output = first(keys.output);
  const tokens: Tokens = {
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: first(keys.cacheRead),
    cache_write_tokens: first(keys.cacheWrite),
    reasoning_tokens: first(keys.reasoning),
  };
  if (first(keys.rests) !== null || input === null || output === null) return tokens;
  if (provider?.includes("anthropic")) return { ...tokens, ...anthropicInput(span) };
  const beyond = (countOf(span.attributes.get("ai.usage.totalTokens")) ?? 0) - input - output;
  if (beyond <= 0) return tokens;
  if (beyond === tokens.reasoning_tokens) return { ...tokens, output_tokens: output + beyond };
  const cached = (tokens.cache_read_tokens ?? 0) + (tokens.cache_write_tokens ?? 0);
  return beyond === cached ? { ...tokens, input_tokens: input + cached } : tokens;
}

/** Anthropic's own counts, which its package passes on as `{usage: {input_tokens, cache_read_input_tokens, cache_creation_input_tokens}}`: three parts. */
function anthropicInput(span: SpanView): Partial<Tokens> {
  const metadata = membersOrList(span.attributes.get("ai.response.providerMetadata"));
  const anthropic = isMembers(metadata) ? metadata["anthropic"] : null;
  const usage = isMembers(anthropic) ? anthropic["usage"] : null;
  if (!isMembers(usage)) return {};
  const fresh = countOf(usage["input_tokens"]);
  const read = countOf(usage["cache_read_input_tokens"]);
  const written = countOf(usage["cache_creation_input_tokens"]);
  if (fresh === null) return {};
  return {
    input_tokens: fresh + (read ?? 0) + (written ?? 0),
    ...(written === null ? {} : { cache_write_tokens: written }),
  };
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
