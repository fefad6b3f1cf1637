import { GEN_AI, type RunFacts, type StepKind } from "@runledger/contract";
import type { Dialect, DialectFacts } from "./dialect.ts";
import { firstTokenAt } from "./first-token.ts";
import { type Generation, generationContent, plainContent, takeGeneration } from "./langfuse-content.ts";
import { langfuseTokens } from "./langfuse-usage.ts";
import { tokensSaid } from "./provider-answer.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

const TYPE = "langfuse.observation.type";
const COMPLETION_START = "langfuse.observation.completion_start_time";
const LEVEL = "langfuse.observation.level";
const STATUS_MESSAGE = "langfuse.observation.status_message";
/** Spans of other instrumentations, which Langfuse only passes on or adds to: their own words say more. */
const OTHERS = [GEN_AI.operationName, "ai.operationId", "openinference.span.kind", "traceloop.span.kind"];

/**
 * Langfuse's SDK (observations as spans, `langfuse.*`) and its wrapper for OpenAI's client.
 * Source: packages @langfuse/tracing, @langfuse/openai and @langfuse/otel 5.11.
 */
export const langfuse: Dialect = {
  name: "langfuse",
  claims: (attributes) => attributes.has(TYPE) && !OTHERS.some((key) => attributes.has(key)),
  read: readObservation,
};

const TYPES: Readonly<Record<string, readonly [kind: StepKind, operation: string]>> = {
  generation: ["llm", "chat"],
  embedding: ["llm", "embeddings"],
  tool: ["tool", "execute_tool"],
  agent: ["agent", "invoke_agent"],
  guardrail: ["guardrail", "guardrail"],
  retriever: ["other", "retrieval"],
  evaluator: ["other", "evaluation"],
  chain: ["other", "chain"],
  span: ["other", "span"],
  event: ["other", "event"],
};

function readObservation(span: SpanView, attributes: AttributeReader): DialectFacts {
  const type = attributes.text(TYPE) ?? "span";
  const [kind, operation] = Object.hasOwn(TYPES, type) ? (TYPES[type] ?? NO_TYPE) : (["other", type] as const);
  const error = errorOf(attributes);
  const ends = span.parentSpanId === null && (kind === "agent" || operation === "chain" || operation === "span");
  const model = kind === "llm" ? attributes.text("langfuse.observation.model.name") : null;
  const generation = kind === "llm" ? takeGeneration(attributes) : null;
  return {
    event: ends ? "run_end" : "step",
    kind,
    name: model ?? span.name,
    operation: operation === "chat" && model !== null && /\bembedding\b/.test(model) ? "embeddings" : operation,
    runId: null,
    runSeq: null,
    run: runFactsOf(kind, ends, span, attributes),
    llm: generation === null ? null : llmFactsOf(model, generation, error !== null, span, attributes),
    tool: kind === "tool" ? toolFactsOf(span.name, attributes) : null,
    end: ends
      ? {
          status: error !== null || span.statusCode === 2 ? "failed" : "completed",
          outcome: null,
          reason: error?.message ?? (span.statusMessage || null),
          records: null,
        }
      : null,
    error,
    content:
      generation !== null
        ? generationContent(generation, attributes)
        : kind === "tool"
          ? plainContent(attributes, "arguments", "result")
          : plainContent(attributes, "input", "output"),
  };
}
const NO_TYPE: readonly [StepKind, string] = ["other", "span"];

/** `level` is the SDK's status: OpenTelemetry's stays unset. */
function errorOf(attributes: AttributeReader): NonNullable<DialectFacts["error"]> | null {
  if (attributes.oneOf(LEVEL, ["ERROR"]) === null) return null;
  return { type: "error", message: attributes.text(STATUS_MESSAGE) };
}

/** A trace without a name has that of its root. */
function runFactsOf(kind: StepKind, ends: boolean, span: SpanView, attributes: AttributeReader): RunFacts {
  const rootName = ends && kind !== "agent" ? span.name : null;
  return {
    task_id: null,
    task_type: attributes.text("langfuse.trace.name") ?? rootName,
    agent_name: kind === "agent" ? span.name : null,
    agent_version: attributes.text("langfuse.version") ?? attributes.text("langfuse.release"),
    session_id: attributes.text("langfuse.session.id"),
    user_id: attributes.text("langfuse.user.id"),
    heartbeat_interval_ms: null,
  };
}

function llmFactsOf(
  model: string | null,
  { parameters, answer: body }: Generation,
  failed: boolean,
  span: SpanView,
  attributes: AttributeReader,
): DialectFacts["llm"] {
  const firstTokenMs = completionStartMs(span, attributes);
  const { stream } = parameters;
  const asked = inMetadata("ls_model_name", attributes);
  const answered = !failed && (asked === null ? namesAnswerer(parameters, span) : model !== asked);
  const usage = attributes.value("langfuse.observation.usage_details");
  return {
    provider: inMetadata("ls_provider", attributes)?.toLowerCase() ?? null,
    request_model: asked ?? (answered ? null : model),
    response_model: body?.model ?? (answered ? model : null),
    response_id: body?.id ?? null,
    finish_reasons: body?.finishReasons ?? [],
    ...(usage === null && body !== null ? tokensSaid(body.usage) : langfuseTokens(usage)),
    time_to_first_token_ms: firstTokenMs,
    streaming: typeof stream === "boolean" ? stream : span.attributes.has(COMPLETION_START) ? true : null,
    counted: true,
  };
}

/** What LangChain tells its callbacks of a call; a text, or from version 5 of the Python SDK the JSON of one. */
function inMetadata(name: "ls_model_name" | "ls_provider", attributes: AttributeReader): string | null {
  const text = attributes.text(`langfuse.observation.metadata.${name}`);
  return text === null ? null : text.replaceAll('"', "") || null;
}

/**
 * Langfuse keeps one model. Its wrapper for OpenAI puts the one that answered in place of the one asked, but for chat completions in a
 * stream. It is known by the empty `response_format` it sets, or by what OpenAI's responses API tells back.
 */
function namesAnswerer(parameters: Record<string, unknown>, span: SpanView): boolean {
  if ("parallel_tool_calls" in parameters) return true;
  const input = span.attributes.get("langfuse.observation.input");
  const isChat = typeof input === "string" && input.startsWith('{"messages":');
  return parameters["response_format"] === "" && !(parameters["stream"] === true && isChat);
}

/** A JSON text of a time. One that is not within the span stays an attribute. */
function completionStartMs(span: SpanView, attributes: AttributeReader): number | null {
  const time = span.attributes.get(COMPLETION_START);
  const ms = typeof time === "string" ? firstTokenAt(time.replaceAll('"', ""), span) : null;
  if (ms !== null) attributes.value(COMPLETION_START);
  return ms;
}

function toolFactsOf(name: string, attributes: AttributeReader): DialectFacts["tool"] {
  return {
    name,
    call_id: attributes.text("langfuse.observation.metadata.toolCallId"),
    requested_by: null,
    attempt: null,
    idempotency_key: null,
    known: null,
    valid: null,
    inferred: false,
  };
}
