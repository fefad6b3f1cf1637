import { GEN_AI, OTEL, RUNLEDGER, type RunFacts, type StepKind } from "@runledger/contract";
import type { Dialect, DialectFacts } from "./dialect.ts";
import { jsonElementsOf, jsonTextOf } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

/**
 * OpenTelemetry GenAI semantic conventions, as attributes of the span, from 1.27 to the successor repository.
 * Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md.
 */
export const otelGenAi: Dialect = {
  name: "otel-genai",
  claims: (attributes) => attributes.has(GEN_AI.operationName) || attributes.has(GEN_AI.system),
  read: readGenAi,
};

const KIND_OF_OPERATION: Readonly<Record<string, StepKind>> = {
  chat: "llm",
  text_completion: "llm",
  generate_content: "llm",
  embeddings: "llm",
  execute_tool: "tool",
  invoke_agent: "agent",
  create_agent: "agent",
};

export function readGenAi(span: SpanView, attributes: AttributeReader): DialectFacts {
  const operation = attributes.text(GEN_AI.operationName);
  const requestModel = attributes.text(GEN_AI.requestModel);
  const kind = kindOf(operation, requestModel);
  const run = runFactsOf(attributes);
  const ends = kind === "agent" && span.parentSpanId === null;
  const toolName = kind === "tool" ? (attributes.text(GEN_AI.toolName) ?? span.name) : null;
  return {
    event: ends ? "run_end" : "step",
    kind,
    name: toolName ?? (kind === "llm" ? requestModel : null) ?? (kind === "agent" ? run.agent_name : null) ?? span.name,
    operation,
    runId: null,
    runSeq: null,
    run,
    llm: kind === "llm" ? llmFactsOf(requestModel, attributes) : null,
    tool: toolName === null ? null : toolFactsOf(toolName, attributes),
    end: ends
      ? {
          status: span.statusCode === 2 ? "failed" : "completed",
          outcome: null,
          reason: span.statusMessage || null,
          records: null,
        }
      : null,
    content: contentOf(kind, attributes),
  };
}

function kindOf(operation: string | null, requestModel: string | null): StepKind {
  if (operation !== null) return KIND_OF_OPERATION[operation] ?? "other";
  return requestModel === null ? "other" : "llm"; // before 1.27 instrumentations left the operation out
}

function runFactsOf(attributes: AttributeReader): RunFacts {
  return {
    task_id: attributes.text(RUNLEDGER.taskId),
    task_type: attributes.text(RUNLEDGER.taskType),
    agent_name: attributes.text(GEN_AI.agentName),
    agent_version: attributes.text(GEN_AI.agentVersion),
    session_id: attributes.text(GEN_AI.conversationId) ?? attributes.text(OTEL.sessionId),
    user_id: attributes.text(OTEL.userId) ?? attributes.text(OTEL.enduserId),
    heartbeat_interval_ms: null,
  };
}

function llmFactsOf(requestModel: string | null, attributes: AttributeReader): DialectFacts["llm"] {
  const firstChunkSeconds = attributes.number(GEN_AI.responseTimeToFirstChunk);
  return {
    provider: (attributes.text(GEN_AI.providerName) ?? attributes.text(GEN_AI.system))?.toLowerCase() ?? null,
    request_model: requestModel,
    response_model: attributes.text(GEN_AI.responseModel),
    response_id: attributes.text(GEN_AI.responseId),
    finish_reasons: attributes.texts(GEN_AI.responseFinishReasons),
    input_tokens: attributes.count(GEN_AI.inputTokens) ?? attributes.count(GEN_AI.promptTokens),
    output_tokens: attributes.count(GEN_AI.outputTokens) ?? attributes.count(GEN_AI.completionTokens),
    cache_read_tokens: attributes.count(GEN_AI.cacheReadTokens),
    cache_write_tokens: attributes.count(GEN_AI.cacheWriteTokens) ?? attributes.count(GEN_AI.cacheCreationTokens),
    reasoning_tokens: attributes.count(GEN_AI.reasoningTokens),
    time_to_first_token_ms: firstChunkSeconds === null || firstChunkSeconds < 0 ? null : firstChunkSeconds * 1000,
    streaming: attributes.boolean(GEN_AI.requestStream),
    counted: true,
  };
}

function toolFactsOf(name: string, attributes: AttributeReader): DialectFacts["tool"] {
  return {
    name,
    call_id: attributes.text(GEN_AI.toolCallId),
    requested_by: null,
    attempt: null,
    idempotency_key: null,
    known: null,
    valid: null,
    inferred: false,
  };
}

/** The model's settings: `gen_ai.request.*` but for what has a field of its own. */
const PARAMETERS = [
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "choice.count",
  "encoding_formats",
  "reasoning.level",
] as const;

function contentOf(kind: StepKind, attributes: AttributeReader): Content {
  const content: Content = {};
  const jsonText = (name: "system_prompt" | "tool_definitions" | "response" | "arguments" | "result", key: string) => {
    const value = attributes.value(key);
    if (value !== null) content[name] = jsonTextOf(value);
  };
  if (kind === "tool") {
    jsonText("arguments", GEN_AI.toolCallArguments);
    jsonText("result", GEN_AI.toolCallResult);
    return content;
  }
  jsonText("system_prompt", GEN_AI.systemInstructions);
  jsonText("tool_definitions", GEN_AI.toolDefinitions);
  jsonText("response", GEN_AI.outputMessages);
  const messages = attributes.value(GEN_AI.inputMessages);
  if (messages !== null) content.messages = jsonElementsOf(messages);
  const parameters = parametersOf(attributes);
  if (parameters !== null) content.parameters = parameters;
  return content;
}

function parametersOf(attributes: AttributeReader): string | null {
  const found: Record<string, unknown> = {};
  for (const name of PARAMETERS) {
    const value = attributes.value(`gen_ai.request.${name}`);
    if (value !== null) found[name] = value;
  }
  return Object.keys(found).length === 0 ? null : JSON.stringify(found);
}
