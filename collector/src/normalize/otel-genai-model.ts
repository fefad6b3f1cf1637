import { GEN_AI } from "@runledger/contract";
import type { DialectFacts } from "./dialect.ts";
import { firstTokenAfter } from "./first-token.ts";
import { isMembers } from "./json-object.ts";
import { type AttributeReader, type SpanView, tokensIn } from "./span-view.ts";

/** The names that a number of tokens has had, the current first. */
const TOKENS = {
  input: [GEN_AI.inputTokens, GEN_AI.promptTokens],
  output: [GEN_AI.outputTokens, GEN_AI.completionTokens],
  cacheRead: [GEN_AI.cacheReadTokens, "gen_ai.usage.cache_read_input_tokens"],
  cacheWrite: [
    GEN_AI.cacheWriteTokens,
    GEN_AI.cacheCreationTokens,
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
  ],
  reasoning: [GEN_AI.reasoningTokens, "gen_ai.usage.reasoning_tokens"],
} as const;
const modalitiesOf = (name: string) => ["text", "image", "audio"].map((modality) => `gen_ai.usage.${modality}.${name}`);
const MODALITIES = {
  input: modalitiesOf("input_tokens"),
  output: modalitiesOf("output_tokens"),
  cacheRead: modalitiesOf("cache_read.input_tokens"),
};

/** Who asked which model for what, and what it took. */
export function llmFactsOf(
  requestModel: string | null,
  span: SpanView,
  attributes: AttributeReader,
): NonNullable<DialectFacts["llm"]> {
  const { keys: firstChunk } = attributes.among(FIRST_CHUNK);
  const tokens = tokensOf(span.attributes, attributes);
  return {
    provider: (attributes.text(GEN_AI.providerName) ?? attributes.text(GEN_AI.system))?.toLowerCase() ?? null,
    request_model: requestModel,
    response_model: attributes.text(GEN_AI.responseModel),
    response_id: attributes.text(GEN_AI.responseId),
    finish_reasons: finishReasonsOf(span, attributes),
    input_tokens: tokens.input_tokens,
    output_tokens: tokens.output_tokens,
    cache_read_tokens: tokens.cache_read_tokens,
    cache_write_tokens: tokens.cache_write_tokens,
    reasoning_tokens: tokens.reasoning_tokens,
    time_to_first_token_ms: firstChunk.length === 0 ? null : firstTokenAfter(span, attributes, firstChunk, 1000),
    streaming:
      attributes.boolean(GEN_AI.requestStream) ??
      attributes.boolean("gen_ai.request.is_stream") ??
      (firstChunk.some((key) => isTime(span.attributes.get(key))) ? true : null),
    counted: true,
  };
}

/** In seconds. */
const FIRST_CHUNK = { keys: [GEN_AI.responseTimeToFirstChunk, "gen_ai.server.time_to_first_token"] };

function isTime(value: unknown): boolean {
  return typeof value === "number" && value >= 0;
}

/** A list, by rule; some send it as JSON text, or the one reason as it is, Anthropic's SDK under its own name. */
function finishReasonsOf({ events }: SpanView, attributes: AttributeReader): string[] {
  const reasons = attributes.texts(GEN_AI.responseFinishReasons);
  if (reasons.length === 0) {
    const own = attributes.texts("anthropic.message.stop_reason");
    return own.length > 0 || events.length === 0 ? own : reasonsInDetails(events);
  }
  const [only] = reasons;
  if (reasons.length !== 1 || !only?.startsWith("[")) return reasons;
  try {
    const listed: unknown = JSON.parse(only);
    return Array.isArray(listed) && listed.every((reason) => typeof reason === "string") ? listed : reasons;
  } catch {
    return reasons; // a word that begins with a bracket
  }
}

function reasonsInDetails(events: SpanView["events"]): string[] {
  const details = events.find(({ name }) => name === GEN_AI.detailsEvent)?.attributes[GEN_AI.responseFinishReasons];
  return Array.isArray(details) ? details.filter((reason) => typeof reason === "string") : [];
}

/** Those that only the messages of the answer tell: asked where no attribute does. */
export function reasonsInAnswer(response: string | undefined, { parse }: AttributeReader["memo"]): string[] {
  const messages = response?.includes('finish_reason"') ? parse(response) : null;
  if (!Array.isArray(messages)) return [];
  return messages.flatMap((message: unknown) => {
    const reason = isMembers(message) ? message["finish_reason"] : null;
    return typeof reason === "string" && reason !== "" ? [reason] : []; // some write an empty one
  });
}

type Tokens = Pick<
  NonNullable<DialectFacts["llm"]>,
  "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens" | "reasoning_tokens"
>;

function tokensOf(given: SpanView["attributes"], attributes: AttributeReader): Tokens {
  const first = (keys: readonly string[]) => attributes.tokens(keys);
  const totals = attributes.among(TOKENS);
  const parts = attributes.among(MODALITIES);
  const cacheRead = first(totals.cacheRead) ?? sumOf(parts.cacheRead, given);
  const cacheWrite = first(totals.cacheWrite);
  const reasoning = first(totals.reasoning);
  return {
    input_tokens: withParts(first(totals.input) ?? sumOf(parts.input, given), cacheRead, cacheWrite),
    output_tokens: withParts(first(totals.output) ?? sumOf(parts.output, given), reasoning, null),
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
    reasoning_tokens: reasoning,
  };
}

/** Of senders that tell no total. The numbers by modality stay attributes. */
function sumOf(keys: readonly string[], given: SpanView["attributes"]): number | null {
  if (keys.length === 0) return null;
  const counts = keys.flatMap((key) => tokensIn(given.get(key)) ?? []);
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
}

/**
 * Cached tokens are part of the input, reasoning is part of the output. A part that is more than its whole comes from a sender that tells the
 * provider's numbers as they are (Anthropic's input is without the cached, Google's output without the thoughts): then the whole is the sum.
 * Where only both parts together are more, nothing tells whether they are in the whole: it stays as told.
 */
export function withParts(whole: number | null, part: number | null, other: number | null): number | null {
  const [one, two] = [part ?? 0, other ?? 0];
  return whole !== null && Math.max(one, two) > whole ? whole + one + two : whole;
}

/** The model's settings by their names of today, but for what has a field of its own. */
const PARAMETERS = (
  [
    ["max_tokens", "gen_ai.request.max_tokens"],
    ["temperature", "gen_ai.request.temperature"],
    ["top_p", "gen_ai.request.top_p"],
    ["top_k", "gen_ai.request.top_k"],
    ["stop_sequences", "gen_ai.request.stop_sequences"],
    ["frequency_penalty", "gen_ai.request.frequency_penalty"],
    ["presence_penalty", "gen_ai.request.presence_penalty"],
    ["seed", "gen_ai.request.seed"],
    ["seed", "gen_ai.openai.request.seed"],
    ["choice.count", "gen_ai.request.choice.count"],
    ["encoding_formats", "gen_ai.request.encoding_formats"],
    ["reasoning.level", "gen_ai.request.reasoning.level"],
    ["previous_response.id", "gen_ai.request.previous_response.id"],
    ["output.type", "gen_ai.output.type"],
    ["output.type", "gen_ai.openai.request.response_format"],
    ["service_tier", "openai.request.service_tier"],
    ["service_tier", "gen_ai.openai.request.service_tier"],
    ["embeddings.dimension.count", "gen_ai.embeddings.dimension.count"],
  ] as const
).map(([name, key]) => ({ name, key }));

/** As JSON text; null when there are none. */
export function parametersOf(attributes: AttributeReader): string | null {
  const found: Record<string, unknown> = {};
  for (const { name, key } of attributes.there(PARAMETERS)) {
    const value = found[name] === undefined ? attributes.value(key) : null;
    if (value !== null) found[name] = value;
  }
  for (const _ in found) return JSON.stringify(found);
  return null;
}
