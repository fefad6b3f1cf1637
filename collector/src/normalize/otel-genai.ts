import { GEN_AI, OTEL, type RunFacts, type StepKind } from "@runledger/contract";
import { ADK_MERGED_TOOLS } from "./adk-content.ts";
import type { Dialect, DialectFacts } from "./dialect.ts";
import { agentContent, eventsWithoutWords, modelContent, toolContent } from "./otel-genai-content.ts";
import { llmFactsOf, reasonsInAnswer } from "./otel-genai-model.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

const MCP_METHOD = "mcp.method.name";
const WORKFLOW_NAME = "gen_ai.workflow.name";
/** Laminar's word for the kind of a span that is no model call. */
const LAMINAR_TYPE = "lmnr.span.type";

/** Any of these makes a span one of ours. What only tells of the run (a conversation, an agent's name) is on other spans too. */
const CLAIMS = [
  GEN_AI.operationName,
  GEN_AI.system,
  GEN_AI.providerName,
  GEN_AI.requestModel,
  GEN_AI.toolName,
  MCP_METHOD,
  LAMINAR_TYPE,
];

/**
 * OpenTelemetry GenAI semantic conventions on spans, from before 1.27 to the successor repository, and those who speak them with words of
 * their own (openlit, Laminar, Anthropic's SDK, Google's ADK). Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md, docs/mcp.
 */
export const otelGenAi: Dialect = {
  name: "otel-genai",
  claims: (attributes) => CLAIMS.some((key) => attributes.has(key)),
  read(span, attributes) {
    const facts = readGenAi(span, attributes);
    if (facts.kind !== "tool") facts.events = eventsWithoutWords(span);
    return facts;
  },
};

const KIND_OF_OPERATION: ReadonlyMap<string, StepKind> = new Map([
  ["chat", "llm"],
  ["text_completion", "llm"],
  ["generate_content", "llm"],
  ["embeddings", "llm"],
  ["responses", "llm"],
  ["image_generation", "llm"],
  ["execute_tool", "tool"],
  ["invoke_agent", "agent"],
  ["create_agent", "agent"],
  ["apply_guardrail", "guardrail"],
  ["run_guardrail", "guardrail"],
]);

/** What an agent does as a whole: without a parent, its end is the run's. */
const WHOLE_RUNS: ReadonlySet<string> = new Set(["invoke_agent", "create_agent", "invoke_workflow"]);

/** `known`: the kind of step, where the caller knows it from elsewhere. */
export function readGenAi(span: SpanView, attributes: AttributeReader, known?: "llm"): DialectFacts {
  const operation = attributes.text(GEN_AI.operationName) ?? attributes.text(MCP_METHOD);
  const kind = known ?? kindOf(operation, span);
  const requestModel = kind === "llm" ? attributes.text(GEN_AI.requestModel) : null;
  const agentName = attributes.text(GEN_AI.agentName);
  const toolName = kind === "tool" ? (attributes.text(GEN_AI.toolName) ?? targetOf(span.name, operation)) : null;
  const llm = kind === "llm" ? llmFactsOf(requestModel, span, attributes) : null;
  const content =
    kind === "llm"
      ? modelContent(span, attributes)
      : kind === "tool"
        ? toolContent(span, attributes)
        : agentContent(span, attributes);
  if (llm?.finish_reasons.length === 0) llm.finish_reasons = reasonsInAnswer(content.response, attributes.memo);
  const ends = span.parentSpanId === null && operation !== null && WHOLE_RUNS.has(operation);
  const guardrailName = kind === "guardrail" ? attributes.firstText(GUARDRAIL_NAME) : null;
  return {
    event: ends ? "run_end" : "step",
    kind,
    name: toolName ?? requestModel ?? guardrailName ?? (kind === "agent" ? agentName : null) ?? span.name,
    operation: operation ?? (kind === "tool" ? "execute_tool" : null),
    runId: null,
    runSeq: null,
    run: runFactsOf(agentName, attributes),
    llm,
    tool: toolName === null ? null : toolFactsOf(toolName, attributes),
    end: ends ? endOf(span) : null,
    error: kind === "guardrail" ? rejectionOf(span.attributes) : null,
    content,
  };
}

/**
 * Proposed words for guardrails, which some send: a rejection leaves the span's status as it is.
 * Source: open-telemetry/semantic-conventions#3233, semantic-conventions-genai#427.
 */
const GUARDRAIL_NAME = ["gen_ai.guardian.name", "gen_ai.security.guardrail.name"];
const VERDICTS = ["gen_ai.security.decision", "gen_ai.security.verdict"];

function rejectionOf(attributes: SpanView["attributes"]): NonNullable<DialectFacts["error"]> | null {
  const verdict = VERDICTS.find((key) => attributes.get(`${key}.type`) === "deny");
  if (verdict === undefined) return null;
  const reason = attributes.get(`${verdict}.reason`);
  return { type: "guardrail_rejection", message: typeof reason === "string" ? reason : null };
}

function kindOf(operation: string | null, span: SpanView): StepKind {
  const known = operation === null ? undefined : KIND_OF_OPERATION.get(operation);
  if (span.attributes.get(GEN_AI.toolName) === ADK_MERGED_TOOLS) return "other";
  if (known === "tool" || operation === "tools/call") return isAnswerOfServer(span) ? "other" : "tool";
  if (known !== undefined) return known;
  if (operation !== null) return "other"; // an open list: others' words are steps
  const { attributes } = span;
  if (attributes.has(GEN_AI.toolName) || attributes.get(LAMINAR_TYPE) === "TOOL") return "tool";
  if (attributes.get(LAMINAR_TYPE) === "DEFAULT") return "other";
  return attributes.has(GEN_AI.requestModel) ? "llm" : "other"; // before 1.27 the operation was left out
}

/** OTLP SpanKind SERVER within a trace: an MCP server's side of a call whose client has told of it. */
function isAnswerOfServer({ attributes, parentSpanId }: SpanView): boolean {
  return parentSpanId !== null && attributes.has(MCP_METHOD) && attributes.get("otlp.kind") === 2;
}

/** `execute_tool search` and `tools/call search` are named after what they do, then what they do it with. */
function targetOf(name: string, operation: string | null): string {
  return operation !== null && name.startsWith(`${operation} `) ? name.slice(operation.length + 1) : name;
}

function runFactsOf(agentName: string | null, attributes: AttributeReader): RunFacts {
  return {
    task_id: null,
    task_type: null,
    agent_name: attributes.text("gen_ai.main_agent.name") ?? agentName ?? attributes.text(WORKFLOW_NAME),
    agent_version: attributes.text(GEN_AI.agentVersion),
    session_id:
      attributes.text(GEN_AI.conversationId) ??
      attributes.text(OTEL.sessionId) ??
      attributes.text("lmnr.association.properties.session_id") ??
      attributes.text("gcp.vertex.agent.session_id"),
    user_id:
      attributes.text(OTEL.userId) ??
      attributes.text(OTEL.enduserId) ??
      attributes.text("lmnr.association.properties.user_id"),
    heartbeat_interval_ms: null,
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

function endOf({ statusCode, statusMessage, attributes }: SpanView): DialectFacts["end"] {
  const failed = statusCode === 2 || attributes.has(OTEL.errorType);
  return { status: failed ? "failed" : "completed", outcome: null, reason: statusMessage || null, records: null };
}
