import { openaiChat } from "./openai-chat.ts";
import type { WireFormat } from "./wire-format.ts";

/** The model APIs we understand. A call to anything else is none of our business. */
export const WIRE_FORMATS: readonly WireFormat[] = [openaiChat];
