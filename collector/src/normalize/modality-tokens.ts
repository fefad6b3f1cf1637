import type { LlmFacts } from "@runledger/contract";
import { type AttributeReader, type SpanView, tokensIn } from "./span-view.ts";

/** Tokens of the totals that are no text: many models have other prices for them. */
export type ModalityTokens = Pick<LlmFacts, "audio_tokens" | "image_tokens">;
type Told = NonNullable<LlmFacts["audio_tokens"]>;

const keysOf = (modality: "audio" | "image") => ({
  input_tokens: [`gen_ai.usage.${modality}.input_tokens`, `llm.token_count.prompt_details.${modality}`],
  output_tokens: [`gen_ai.usage.${modality}.output_tokens`, `llm.token_count.completion_details.${modality}`],
  cache_read_tokens: [`gen_ai.usage.${modality}.cache_read.input_tokens`],
});
const AUDIO = keysOf("audio");
const IMAGE = keysOf("image");

/** In the words of OpenTelemetry or OpenInference, whatever the dialect. The attributes stay. */
export function modalityTokens(span: SpanView, attributes: AttributeReader): ModalityTokens {
  return modalityMembers(toldIn(span, attributes, AUDIO), toldIn(span, attributes, IMAGE));
}

/** Without what nobody told, zeros among it. */
export function modalityMembers(audio: Told, image: Told): ModalityTokens {
  const tokens: ModalityTokens = {};
  if (saysAny(audio)) tokens.audio_tokens = audio;
  if (saysAny(image)) tokens.image_tokens = image;
  return tokens;
}

function toldIn({ attributes: given }: SpanView, attributes: AttributeReader, keys: typeof AUDIO): Told {
  const there = attributes.among(keys);
  const told: Told = {};
  for (const name of NAMES)
    for (const key of there[name]) {
      const count = tokensIn(given.get(key));
      if (count !== null) told[name] ??= count;
    }
  return told;
}

const NAMES = ["input_tokens", "output_tokens", "cache_read_tokens"] as const;

function saysAny(told: Told): boolean {
  return NAMES.some((name) => (told[name] ?? 0) > 0);
}
