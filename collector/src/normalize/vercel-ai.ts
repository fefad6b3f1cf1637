import { GEN_AI, type RunFacts, type StepKind } from "@runledger/contract";
import type { Dialect, DialectFacts } from "./dialect.ts";
import { firstTokenAfter } from "./first-token.ts";
import { keptText } from "./json-text.ts";
import { readGenAi } from "./otel-genai.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import { agentContent, modelCallContent, otherContent, valuesContent } from "./vercel-ai-content.ts";
import { vercelTokens } from "./vercel-ai-usage.ts";

const OPERATION_ID = "ai.operationId";
/** Of the metrics of the same names, in seconds, version 7 makes attributes of the model call. */
const DURATION = "gen_ai.client.operation.duration";
const FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk";
const FIRST_CHUNK_MS = ["ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"];
/** What the application tells of the run: in versions 5 and 6, and in 7. */
const TOLD = {
  taskId: ["ai.telemetry.metadata.taskId", "ai.settings.context.taskId"],
  taskType: ["ai.telemetry.metadata.taskType", "ai.settings.context.taskType"],
  agentName: ["ai.telemetry.metadata.agentName", "ai.settings.context.agentName"],
  agentVersion: ["ai.telemetry.metadata.agentVersion", "ai.settings.context.agentVersion"],
  sessionId: ["ai.telemetry.metadata.sessionId", "ai.settings.context.sessionId"],
  userId: ["ai.telemetry.metadata.userId", "ai.settings.context.userId"],
} as const;
/** What `@ai-sdk/otel` adds to spans of the GenAI conventions, but for the first when it is asked to. */
const SUPPLEMENTS = [
  DURATION,
  "ai.usage.outputTokenDetails.textTokens",
  "ai.usage.outputTokenDetails.reasoningTokens",
  ...Object.values(TOLD).map(([, inContext]) => inContext),
  "ai.embeddings",
  "ai.embedding",
  "ai.documents",
];

/**
 * Vercel AI SDK: the spans `ai.*` of the versions 5 and 6 and of `LegacyOpenTelemetry` for 7, and what version 7 has beyond the GenAI
 * conventions. A wrapper such as `ai.generateText` has the totals of the model calls in it: it is an agent, its tokens are nobody's.
 * Source: packages ai 5.0, 6.0, 7.0 and @ai-sdk/otel 1.0.
 */
export const vercelAi: Dialect = {
  name: "vercel-ai",
  claims: (attributes) => attributes.has(OPERATION_ID) || SUPPLEMENTS.some((key) => attributes.has(key)),
  read(span, attributes) {
    const operationId = attributes.text(OPERATION_ID);
    return operationId === null ? readSupplemented(span, attributes) : readOperation(operationId, span, attributes);
  },
};

/** Kind and operation by the last word of the operation's id, as `doStream` of `ai.streamText.doStream`. */
const OPERATIONS: Readonly<Record<string, readonly [kind: StepKind, operation: string]>> = {
  doGenerate: ["llm", "chat"],
  doStream: ["llm", "chat"],
  doEmbed: ["llm", "embeddings"],
  doDecide: ["llm", "decide"],
  doRerank: ["other", "rerank"],
  toolCall: ["tool", "execute_tool"],
  generateText: ["agent", "invoke_agent"],
  streamText: ["agent", "invoke_agent"],
  generateObject: ["agent", "invoke_agent"],
  streamObject: ["agent", "invoke_agent"],
  stream: ["agent", "invoke_agent"],
  embed: ["other", "embeddings"],
  embedMany: ["other", "embeddings"],
  rerank: ["other", "rerank"],
  decide: ["other", "decide"],
  // these have no span inside
  generateSpeech: ["llm", "generate_speech"],
  transcribe: ["llm", "transcribe"],
  streamTranscribe: ["llm", "transcribe"],
};

function readOperation(operationId: string, span: SpanView, attributes: AttributeReader): DialectFacts {
  const word = operationId.slice(operationId.lastIndexOf(".") + 1);
  const [kind, operation] = Object.hasOwn(OPERATIONS, word) ? (OPERATIONS[word] ?? OTHER) : OTHER;
  const run = runFactsOf(attributes);
  attributes.text("operation.name"); // the operation's id and the function's once more
  attributes.text("resource.name");
  const isWrapper = kind === "agent" || (kind === "other" && operation !== null && !word.startsWith("do"));
  const ends = isWrapper && span.parentSpanId === null;
  const model = attributes.firstText([GEN_AI.requestModel, "ai.model.id"]);
  const toolName = kind === "tool" ? (attributes.text("ai.toolCall.name") ?? span.name) : null;
  const agentName = kind === "agent" ? run.agent_name : null;
  return {
    event: ends ? "run_end" : "step",
    kind,
    name: toolName ?? agentName ?? (kind === "llm" ? model : null) ?? operationId,
    operation: operation ?? operationId,
    runId: null,
    runSeq: null,
    run,
    llm: kind === "llm" ? llmFactsOf(word, model, span, attributes) : null,
    tool: toolName === null ? null : toolFactsOf(toolName, attributes),
    end: ends ? endFactsOf(span) : null,
    content: contentOf(kind, operation, attributes),
    error: hasFailed(span) ? { type: "error", message: null } : null,
  };
}
const OTHER: readonly [StepKind, null] = ["other", null];

/** A model that breaks off in a stream leaves the span's status unset. */
function hasFailed(span: SpanView): boolean {
  return span.attributes.get("ai.response.finishReason") === "error";
}

function endFactsOf(span: SpanView): DialectFacts["end"] {
  const failed = span.statusCode === 2 || hasFailed(span);
  return { status: failed ? "failed" : "completed", outcome: null, reason: span.statusMessage || null, records: null };
}

function runFactsOf(attributes: AttributeReader): RunFacts {
  const told = attributes.among(TOLD);
  return {
    task_id: attributes.firstText(told.taskId),
    task_type: attributes.firstText(told.taskType),
    agent_name: attributes.text("ai.telemetry.functionId") ?? attributes.firstText(told.agentName),
    agent_version: attributes.firstText(told.agentVersion),
    session_id: attributes.firstText(told.sessionId),
    user_id: attributes.firstText(told.userId),
    heartbeat_interval_ms: null,
  };
}

function llmFactsOf(
  word: string,
  model: string | null,
  span: SpanView,
  attributes: AttributeReader,
): DialectFacts["llm"] {
  const provider = attributes.firstText([GEN_AI.system, "ai.model.provider"]);
  const reason = attributes.texts(GEN_AI.responseFinishReasons);
  const tokens = vercelTokens(span, attributes, provider);
  return {
    provider: providerOf(provider),
    request_model: model,
    response_model: attributes.firstText([GEN_AI.responseModel, "ai.response.model"]),
    response_id: attributes.firstText([GEN_AI.responseId, "ai.response.id"]),
    finish_reasons: reason.length > 0 ? reason : attributes.texts("ai.response.finishReason"),
    input_tokens: tokens.input_tokens,
    output_tokens: tokens.output_tokens,
    cache_read_tokens: tokens.cache_read_tokens,
    cache_write_tokens: tokens.cache_write_tokens,
    reasoning_tokens: tokens.reasoning_tokens,
    time_to_first_token_ms: firstTokenAfter(span, attributes, FIRST_CHUNK_MS, 1),
    streaming: word === "doStream" || word === "streamTranscribe",
    counted: true,
  };
}

/** The SDK's names of providers that the conventions call otherwise; longer ones first. */
const PROVIDERS = [
  ["google.vertex", "gcp.vertex_ai"],
  ["google-vertex", "gcp.vertex_ai"],
  ["google.generative-ai", "gcp.gemini"],
  ["google", "gcp.gemini"],
  ["vertex", "gcp.vertex_ai"],
  ["amazon-bedrock", "aws.bedrock"],
  ["bedrock", "aws.bedrock"],
  ["azure", "azure.ai.openai"],
  ["mistral", "mistral_ai"],
  ["xai", "x_ai"],
] as const;

/** `openai.chat` is openai, by its API for chats. */
function providerOf(name: string | null): string | null {
  const lower = name?.toLowerCase() ?? null;
  if (lower === null) return null;
  const known = PROVIDERS.find(([prefix]) => lower === prefix || lower.startsWith(`${prefix}.`));
  return known?.[1] ?? lower.split(".", 1)[0] ?? null;
}

function toolFactsOf(name: string, attributes: AttributeReader): DialectFacts["tool"] {
  return {
    name,
    call_id: attributes.text("ai.toolCall.id"),
    requested_by: null,
    attempt: null,
    idempotency_key: null,
    known: null,
    valid: null,
    inferred: false,
  };
}

function contentOf(kind: StepKind, operation: string | null, attributes: AttributeReader): DialectFacts["content"] {
  if (kind === "agent") return agentContent(attributes);
  if (kind === "llm") return operation === "chat" ? modelCallContent(attributes) : valuesContent(attributes);
  if (kind !== "tool") return otherContent(attributes);
  const given = attributes.value("ai.toolCall.args");
  const result = attributes.value("ai.toolCall.result");
  const content: DialectFacts["content"] = {};
  if (given !== null) content.arguments = keptText(given, attributes.memo.parse);
  if (result !== null) content.result = keptText(result, attributes.memo.parse);
  return content;
}

function readSupplemented(span: SpanView, attributes: AttributeReader): DialectFacts {
  const base = readGenAi(span, attributes);
  const content =
    base.kind === "llm" ? valuesContent(attributes) : base.kind === "other" ? otherContent(attributes) : {};
  return {
    ...base,
    run: mergedRun(base.run, runFactsOf(attributes)),
    llm: base.llm === null ? null : supplementedLlm(base.llm, span, attributes),
    content: Object.assign(content, base.content),
  };
}

function supplementedLlm(
  base: NonNullable<DialectFacts["llm"]>,
  span: SpanView,
  attributes: AttributeReader,
): DialectFacts["llm"] {
  const { reasoning_tokens: reasoning } = vercelTokens(span, attributes, base.provider);
  // a call that was not streamed has a duration only, one that failed has neither
  const streamed = span.attributes.has(FIRST_CHUNK) || (span.attributes.has(DURATION) ? false : null);
  return {
    ...base,
    reasoning_tokens: base.reasoning_tokens ?? reasoning,
    time_to_first_token_ms: base.time_to_first_token_ms ?? firstTokenAfter(span, attributes, [FIRST_CHUNK], 1000),
    streaming: base.streaming ?? streamed,
  };
}

function mergedRun(base: RunFacts, more: RunFacts): RunFacts {
  return {
    task_id: base.task_id ?? more.task_id,
    task_type: base.task_type ?? more.task_type,
    agent_name: base.agent_name ?? more.agent_name,
    agent_version: base.agent_version ?? more.agent_version,
    session_id: base.session_id ?? more.session_id,
    user_id: base.user_id ?? more.user_id,
    heartbeat_interval_ms: null,
  };
}
