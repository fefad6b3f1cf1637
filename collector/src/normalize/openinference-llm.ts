import type { DialectFacts } from "./dialect.ts";
import { firstTokenAt } from "./first-token.ts";
import { jsonObject } from "./json-object.ts";
import { type CallSaid, chatContent, embeddingContent, SAID_ELSEWHERE, takeCall } from "./openinference-content.ts";
import { withParts } from "./otel-genai-model.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import type { TextMemo } from "./text-memo.ts";

/** A model call or an embedding. */
export function readModelCall(
  span: SpanView,
  attributes: AttributeReader,
  embeds: boolean,
): Pick<DialectFacts, "name" | "operation" | "llm" | "content"> {
  const said = takeCall(span, attributes);
  const llm = llmFactsOf(span, attributes, said);
  const content = embeds ? embeddingContent(said) : chatContent(said, llm.finish_reasons[0] ?? null, attributes.memo);
  if (content.messages !== undefined && content.response !== undefined)
    for (const key of attributes.among(SAID_ELSEWHERE).keys) attributes.value(key);
  return {
    name: llm.request_model ?? span.name,
    operation: embeds ? "embeddings" : said.operation,
    llm,
    content,
  };
}

function llmFactsOf(
  span: SpanView,
  attributes: AttributeReader,
  { request, response, parameters }: CallSaid,
): NonNullable<DialectFacts["llm"]> {
  const named = attributes.text("llm.model_name") ?? attributes.text("embedding.model_name");
  const asked =
    attributes.text("llm.request.model_name") ??
    request?.model ??
    textOf(parameters?.["model"] ?? parameters?.["model_name"]) ??
    attributes.text("gen_ai.request.model") ??
    named;
  const provider = attributes.text("llm.provider");
  const system = attributes.text("llm.system");
  const reason = attributes.text("llm.finish_reason");
  const usage = response?.usage;
  const tokens = attributes.among(TOKENS);
  const count = (keys: readonly string[]) => attributes.tokens(keys);
  const cacheRead = count(tokens.cacheRead) ?? count(tokens.cacheInput) ?? usage?.cacheRead ?? null;
  const cacheWrite = count(tokens.cacheWrite) ?? usage?.cacheWrite ?? null;
  const reasoning = count(tokens.reasoning) ?? usage?.reasoning ?? null;
  return {
    provider: (provider ?? system ?? providerInMetadata(span, attributes.memo))?.toLowerCase() ?? null,
    request_model: asked,
    // the one key that is always there holds the model asked before the answer, the one that answered after it
    response_model: attributes.text("llm.response.model_name") ?? response?.model ?? (named === asked ? null : named),
    response_id: response?.id ?? attributes.text("gen_ai.response.id") ?? attributes.text("ai.response.id"),
    finish_reasons: reason === null ? (response?.finishReasons ?? []) : [reason],
    input_tokens: withParts(count(tokens.input) ?? usage?.input ?? null, cacheRead, cacheWrite),
    output_tokens: withParts(count(tokens.output) ?? usage?.output ?? null, reasoning, null),
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
    reasoning_tokens: reasoning,
    time_to_first_token_ms: firstTokenMs(span),
    streaming:
      parameters?.["stream"] === true || request?.stream || response?.streamed || (request?.exact ? false : null),
    counted: true,
  };
}

const TOKENS = {
  input: ["llm.token_count.prompt"],
  output: ["llm.token_count.completion"],
  cacheRead: ["llm.token_count.prompt_details.cache_read"],
  cacheInput: ["llm.token_count.prompt_details.cache_input"],
  cacheWrite: ["llm.token_count.prompt_details.cache_write"],
  reasoning: ["llm.token_count.completion_details.reasoning"],
} as const;

/** LangChain's own says whose model it is in its metadata only. */
function providerInMetadata(span: SpanView, { parse }: TextMemo): string | null {
  const metadata = span.attributes.get("metadata");
  if (typeof metadata !== "string" || !metadata.includes('"ls_provider"')) return null;
  return textOf(jsonObject(metadata, parse)?.["ls_provider"]);
}

/** The Python instrumentations mark the first token with an event. */
function firstTokenMs(span: SpanView): number | null {
  const first = span.events.find(({ name }) => name === "First Token Stream Event");
  return first === undefined ? null : firstTokenAt(first.time, span);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
