import type { Attributes } from "@opentelemetry/api";
import type { ChatMessage, MessagePart } from "@runledger/contract";

/** A model API as it looks on the wire. A new one is a file, and a line in `wire-formats.ts`. */
export interface WireFormat {
  /** `gen_ai.provider.name` of a server that nothing else is known of. */
  provider: string;
  /** Other services have such addresses too: what can't be read as a request of this format is none. */
  pathIsCommon?: boolean;
  /** Is a POST to this address a model call of this format? */
  matches(url: URL): boolean;
  /** @param url some formats name the model there. @throws when the body is not of this format. */
  readRequest(body: string, url: URL): ModelRequest;
  /** A quick look at an answer's bytes, a character for each: false only when it asks for no tool. */
  mayAskForTools(answer: string): boolean;
  /** @param stream the body is a stream of events. @throws when the body is not of this format. */
  readResponse(body: string, stream: boolean): ModelResponse;
}

/** What the model was sent. Undefined is unknown or absent. */
export interface ModelRequest {
  /** `gen_ai.operation.name`. */
  operation: string;
  model: string | undefined;
  stream: boolean;
  systemInstructions: MessagePart[];
  messages: ChatMessage[];
  /** As `gen_ai.tool.definitions` has them. */
  toolDefinitions: OfferedTool[];
  /** Sampling settings and the like, under their attribute names. */
  parameters: Attributes;
  /** Results of tool calls that an earlier answer asked for. */
  toolResults: { callId: string; result: unknown }[];
}
export interface OfferedTool {
  type: string;
  name: string;
  /** JSON Schema. */
  parameters?: unknown;
  [key: string]: unknown;
}

/** What the model answered, as far as the answer got. */
export interface ModelResponse {
  id: string | undefined;
  model: string | undefined;
  finishReasons: string[];
  messages: ChatMessage[];
  toolCalls: AskedToolCall[];
  usage: Usage | undefined;
  error: { type: string; message: string } | undefined;
  /** It said that this is all: a reader that stops here has given nothing up. */
  complete: boolean;
  /** The body is not worth keeping: vectors of an embedding. */
  bulky?: boolean;
}
/** Input includes cached tokens, read and written, output includes reasoning. */
export interface Usage {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
  cacheReadTokens: number | undefined;
  cacheWriteTokens?: number | undefined;
  reasoningTokens: number | undefined;
}
export interface AskedToolCall {
  callId: string;
  name: string;
  /** As the model wrote them: JSON text, or something that fails to be. */
  arguments: string;
}
