import type { LlmFacts } from "@runledger/contract";
import type { Content } from "./normalized.ts";

/** As Anthropic's body says it, streamed or not; inside a text of that body the quotes would be escaped. */
const WRITTEN_FOR_AN_HOUR = /"ephemeral_1h_input_tokens" ?: ?(\d{1,15})\b/;
/** Usage stands at the beginning of a streamed body, and at the end of one in a piece. */
const LOOK_AT = 20_000;

/** No convention has a key for cache writes that are kept for an hour: where the body is at hand, it says. */
export function hourlyCacheWrites(
  { cache_write_tokens: written }: Pick<LlmFacts, "cache_write_tokens">,
  { raw_response: body }: Content,
): Pick<LlmFacts, "cache_write_1h_tokens"> {
  if (written === null || written === 0 || body === undefined) return {};
  const text = body.length <= 2 * LOOK_AT ? body : body.slice(0, LOOK_AT) + body.slice(-LOOK_AT);
  const tokens = Number(WRITTEN_FOR_AN_HOUR.exec(text)?.[1] ?? Number.NaN);
  return tokens <= written ? { cache_write_1h_tokens: tokens } : {};
}
