/**
 * OpenTelemetry GenAI attribute names that we read or write.
 * Source: open-telemetry/semantic-conventions-genai and semantic-conventions up to 1.44.0.
 */
export const GEN_AI = {
  /** All names of attributes, events and metrics begin so. */
  prefix: "gen_ai.",
  /** Event: the content of a model call, as attributes of the same names that spans carry it under. */
  detailsEvent: "gen_ai.client.inference.operation.details",
  operationName: "gen_ai.operation.name",
  providerName: "gen_ai.provider.name",
  system: "gen_ai.system",
  conversationId: "gen_ai.conversation.id",
  agentName: "gen_ai.agent.name",
  agentVersion: "gen_ai.agent.version",
  requestModel: "gen_ai.request.model",
  requestStream: "gen_ai.request.stream",
  responseId: "gen_ai.response.id",
  responseModel: "gen_ai.response.model",
  responseFinishReasons: "gen_ai.response.finish_reasons",
  /** Seconds. */
  responseTimeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_write.input_tokens",
  cacheCreationTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  /** Before 1.27. */
  promptTokens: "gen_ai.usage.prompt_tokens",
  completionTokens: "gen_ai.usage.completion_tokens",
  systemInstructions: "gen_ai.system_instructions",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  toolDefinitions: "gen_ai.tool.definitions",
  toolName: "gen_ai.tool.name",
  toolType: "gen_ai.tool.type",
  toolCallId: "gen_ai.tool.call.id",
  toolCallArguments: "gen_ai.tool.call.arguments",
  toolCallResult: "gen_ai.tool.call.result",
  evaluationName: "gen_ai.evaluation.name",
  /** Double. */
  evaluationScore: "gen_ai.evaluation.score.value",
  evaluationLabel: "gen_ai.evaluation.score.label",
  evaluationExplanation: "gen_ai.evaluation.explanation",
  memoryStoreId: "gen_ai.memory.store.id",
  memoryRecordId: "gen_ai.memory.record.id",
  /** JSON text: an array of `{id, content, …}`. */
  memoryRecords: "gen_ai.memory.records",
  memoryQuery: "gen_ai.memory.query.text",
} as const;

/** General attributes that the GenAI spans carry. */
export const OTEL = {
  /** Where SDKs without a field for it put an event's name. */
  eventName: "event.name",
  errorType: "error.type",
  exceptionEvent: "exception",
  exceptionType: "exception.type",
  exceptionMessage: "exception.message",
  userId: "user.id",
  enduserId: "enduser.id",
  sessionId: "session.id",
  serviceName: "service.name",
  serverAddress: "server.address",
  serverPort: "server.port",
} as const;
