import { OTEL, type RunFacts, type StepKind } from "@runledger/contract";
import type { Dialect, DialectFacts } from "./dialect.ts";
import { jsonObject, type Members } from "./json-object.ts";
import { toolMessage } from "./langchain-message.ts";
import type { Content } from "./normalized.ts";
import { takeIo } from "./openinference-io.ts";
import { readModelCall } from "./openinference-llm.ts";
import { readRetrieval } from "./openinference-retrieval.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import type { TextMemo } from "./text-memo.ts";

/**
 * OpenInference, as Arize's instrumentations send it.
 * Source: Arize-ai/openinference, spec/semantic_conventions.md, and the npm packages @arizeai/openinference-*.
 */
export const openinference: Dialect = {
  name: "openinference",
  claims: (attributes) => attributes.has(SPAN_KIND),
  read: readOpenInference,
};

const SPAN_KIND = "openinference.span.kind";
const KINDS: ReadonlyMap<string, readonly [StepKind, operation: string]> = new Map([
  ["LLM", ["llm", "chat"]],
  ["EMBEDDING", ["llm", "embeddings"]],
  ["TOOL", ["tool", "execute_tool"]],
  ["AGENT", ["agent", "invoke_agent"]],
  ["GUARDRAIL", ["guardrail", "guardrail"]],
  ["DECISION", ["decision", "decision"]],
  ["CHAIN", ["other", "chain"]],
  ["RETRIEVER", ["other", "retrieval"]],
  ["RERANKER", ["other", "rerank"]],
  ["EVALUATOR", ["other", "evaluate"]],
  ["PROMPT", ["other", "prompt"]],
]);

/** OpenAI's agents, whose root is their workflow, by this name where the application gave none: the agents are below it. */
const OF_OPENAI_AGENTS = /openai[-_]agents$/;
const ANY_WORKFLOW = "Agent workflow";
/** OpenAI's agents: the tool call that asked for it is the model's, and this is what came of it. */
const HANDOFF = /^handoff to /;
const REJECTED = { type: "guardrail_triggered", message: null };

function readOpenInference(
  span: SpanView,
  attributes: AttributeReader,
  scope: Parameters<Dialect["read"]>[2],
): DialectFacts {
  const word = attributes.text(SPAN_KIND) ?? "";
  const [kind, operation] = KINDS.get(word.toUpperCase()) ?? ["other", word.toLowerCase() || null];
  const isRun = span.parentSpanId === null && (kind === "agent" || operation === "chain");
  const told = runFactsOf(span, attributes, kind === "agent" || isRun);
  const run = isRun && OF_OPENAI_AGENTS.test(scope.name) ? ofWorkflow(told, span) : told;
  const base = {
    event: isRun ? ("run_end" as const) : ("step" as const),
    kind,
    name: kind === "agent" ? (run.agent_name ?? span.name) : span.name,
    operation,
    runId: null,
    runSeq: null,
    run,
    llm: null,
    tool: null,
    end: isRun ? endFactsOf(span) : null,
  };
  if (kind === "llm") return Object.assign(base, readModelCall(span, attributes, operation === "embeddings"));
  if (kind === "tool" && HANDOFF.test(span.name))
    return { ...base, kind: "handoff", operation: "handoff", content: takeIo(attributes) };
  if (kind === "tool") return Object.assign(base, readTool(span, attributes));
  if (operation === "retrieval" || operation === "rerank")
    return { ...base, content: readRetrieval(span, attributes, operation) };
  const rejected = kind === "guardrail" && span.attributes.get("guardrail.triggered") === true;
  return { ...base, error: rejected ? REJECTED : null, content: takeIo(attributes) };
}

function endFactsOf(span: SpanView): NonNullable<DialectFacts["end"]> {
  return {
    status: span.statusCode === 2 ? "failed" : "completed",
    outcome: null,
    reason: span.statusMessage || null,
    records: null,
  };
}

/** A root chain (LangGraph's graph) names what ran, as an agent does. */
function runFactsOf(span: SpanView, attributes: AttributeReader, named: boolean): RunFacts {
  const metadata = metadataOf(span, attributes.memo);
  return {
    task_id: textOf(metadata?.["task_id"]),
    task_type: textOf(metadata?.["task_type"]),
    agent_name: attributes.text("agent.name") ?? (named ? span.name : null),
    agent_version: textOf(metadata?.["agent_version"]),
    session_id: attributes.text(OTEL.sessionId),
    user_id: attributes.text(OTEL.userId) ?? textOf(metadata?.["user_id"]),
    heartbeat_interval_ms: null,
  };
}

function ofWorkflow(run: RunFacts, { name }: SpanView): RunFacts {
  return { ...run, agent_name: null, task_type: run.task_type ?? (name === ANY_WORKFLOW ? null : name) };
}

const IN_METADATA = /"(user_id|agent_version|task_type|task_id)"/;

/** There are no keys for these: they are in the metadata that the application hands to the run. */
function metadataOf(span: SpanView, { parse }: TextMemo): Members | null {
  const metadata = span.attributes.get("metadata");
  return typeof metadata === "string" && IN_METADATA.test(metadata) ? jsonObject(metadata, parse) : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function readTool(span: SpanView, attributes: AttributeReader): Pick<DialectFacts, "name" | "tool" | "content"> {
  const { input, output } = takeIo(attributes);
  const parameters = input ?? takeIo(attributes, "tool.parameters").input;
  const answer = output === undefined ? null : toolMessage(output, attributes.memo.parse);
  const name = attributes.text("tool.name") ?? answer?.name ?? span.name;
  const content: Content = {};
  if (parameters !== undefined) content.arguments = parameters;
  if (output !== undefined) content.result = answer?.result ?? output;
  return {
    name,
    tool: {
      name,
      call_id: attributes.text("tool.id") ?? attributes.text("tool_call.id") ?? answer?.callId ?? null,
      requested_by: null,
      attempt: null,
      idempotency_key: null,
      known: null,
      valid: null,
      inferred: false,
    },
    content,
  };
}
