import { anthropicMessages } from "./anthropic-messages.ts";
import { bedrockConverse } from "./bedrock-converse.ts";
import { bedrockInvoke } from "./bedrock-invoke.ts";
import { gemini } from "./gemini.ts";
import { ollamaChat } from "./ollama-chat.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiEmbeddings } from "./openai-embeddings.ts";
import { openaiResponses } from "./openai-responses.ts";
import type { WireFormat } from "./wire-format.ts";

/** The model APIs we understand. A call to anything else is none of our business. */
export const WIRE_FORMATS: readonly WireFormat[] = [
  openaiChat,
  openaiResponses,
  openaiEmbeddings,
  anthropicMessages,
  gemini,
  bedrockConverse,
  bedrockInvoke,
  ollamaChat,
];

/** Of a POST to this address; undefined: it is no model call. */
export function formatOf(url: URL): WireFormat | undefined {
  return WIRE_FORMATS.find((format) => format.matches(url));
}
