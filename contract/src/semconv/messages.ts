/**
 * Messages in the form of the OpenTelemetry GenAI conventions (gen_ai.input.messages, gen_ai.output.messages):
 * `{role, parts:[{type, …}]}`, with free keys beside.
 */
export interface ChatMessage {
  role: string;
  parts: MessagePart[];
  [key: string]: unknown;
}

export interface MessagePart {
  type: string;
  [key: string]: unknown;
}
