import { z } from "zod";

/**
 * Messages in the form of the OpenTelemetry GenAI conventions (gen_ai.input.messages, gen_ai.output.messages):
 * `{role, parts:[{type, …}]}`. Unknown part types and free keys are kept.
 */
export const messagePart = z.looseObject({ type: z.string() });
export const chatMessage = z.looseObject({ role: z.string(), parts: z.array(messagePart) });
export type MessagePart = z.infer<typeof messagePart>;
export type ChatMessage = z.infer<typeof chatMessage>;
