import { GEN_AI, type RunFacts, type StepKind } from "@runledger/contract";
import type { Dialect, DialectFacts, DialectKeys } from "./dialect.ts";
import { keptText } from "./json-text.ts";
import { toolMessage } from "./langchain-message.ts";
import type { Content } from "./normalized.ts";
import { readGenAi } from "./otel-genai.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import { readModelCall } from "./traceloop-llm.ts";
import { callArguments } from "./traceloop-tool.ts";
import { isVectorStore, vectorContent, vectorOperation } from "./traceloop-vector.ts";

const SPAN_KIND = "traceloop.span.kind";
const ENTITY_NAME = "traceloop.entity.name";
const ENTITY_VERSION = "traceloop.entity.version";
const WORKFLOW_NAME = "traceloop.workflow.name";
const REQUEST_TYPE = "llm.request.type";
const GUARDRAIL = "gen_ai.guardrail";
const ASSOCIATION = "traceloop.association.properties";
const TOLD = {
  session: ["session_id", "conversation_id", "thread_id"].map((name) => `${ASSOCIATION}.${name}`),
  user: ["user_id", "customer_id"].map((name) => `${ASSOCIATION}.${name}`),
  taskId: [`${ASSOCIATION}.task_id`],
  taskType: [`${ASSOCIATION}.task_type`],
  agentVersion: [`${ASSOCIATION}.agent_version`],
};

const CLAIMS = [
  SPAN_KIND,
  ENTITY_NAME,
  WORKFLOW_NAME,
  "traceloop.entity.path",
  REQUEST_TYPE,
  "llm.usage.total_tokens",
  "gen_ai.prompt.0.role",
  "gen_ai.prompt.0.content",
  "gen_ai.completion.0.role",
  "gen_ai.completion.0.content",
  "gen_ai.completion.0.finish_reason",
  `${GUARDRAIL}.name`,
  `${ASSOCIATION}.session_id`,
  `${ASSOCIATION}.user_id`,
];

/**
 * OpenLLMetry, as Traceloop's instrumentations and SDKs send it: the GenAI conventions, in older versions with prompts and completions
 * flattened into keys, and `traceloop.*` for workflows, tasks, agents and tools. Source: traceloop/openllmetry, traceloop/openllmetry-js.
 */
export const traceloop: Dialect = {
  name: "traceloop",
  claims: (attributes) =>
    CLAIMS.some((key) => attributes.has(key)) || isTraceloopUsage(attributes) || isVectorStore(attributes),
  read: readTraceloop,
};

/** No convention has a total; openlit, which has one too, is known by the cost beside it. */
function isTraceloopUsage(attributes: DialectKeys): boolean {
  return attributes.has("gen_ai.usage.total_tokens") && !attributes.has("gen_ai.usage.cost");
}

function readTraceloop(
  span: SpanView,
  attributes: AttributeReader,
  scope: Parameters<Dialect["read"]>[2],
): DialectFacts {
  const base = readGenAi(span, attributes);
  const entity = attributes.text(SPAN_KIND)?.toLowerCase() ?? null;
  const [kind, operation] = kindOf(span, base, entity, attributes);
  // every span within a workflow carries its name
  const entityName = attributes.text(ENTITY_NAME) ?? (entity === null ? null : attributes.text(WORKFLOW_NAME));
  const ends = span.parentSpanId === null && (kind === "agent" || entity === "workflow" || base.end !== null);
  const isAgent = kind === "agent" || ends;
  const run = runFactsOf(base.run, attributes, isAgent ? entityName : null, isAgent ? versionOf(attributes) : null);
  const facts: DialectFacts = {
    ...base,
    event: ends ? "run_end" : "step",
    kind,
    operation,
    name: (kind === "agent" ? run.agent_name : null) ?? entityName ?? base.name,
    run,
    llm: null,
    tool: null,
    end: ends ? endFactsOf(span) : null,
  };
  if (kind === "llm") return { ...facts, ...readModelCall(span, attributes, base, scope) };
  if (kind === "tool") return { ...facts, ...readTool(span, attributes, base, entityName) };
  if (kind === "guardrail") return { ...facts, ...readGuardrail(attributes, entityName ?? span.name) };
  if (isVectorStore(span.attributes)) return { ...facts, name: span.name, content: vectorContent(span, attributes) };
  facts.content = Object.assign(base.content, entityContent(attributes));
  return facts;
}

const KIND_OF_ENTITY: ReadonlyMap<string, StepKind> = new Map([
  ["agent", "agent"],
  ["tool", "tool"],
]);
const OPERATION_OF_ENTITY: ReadonlyMap<string, string> = new Map([
  ["agent", "invoke_agent"],
  ["tool", "execute_tool"],
]);
const KIND_OF_REQUEST: ReadonlyMap<string, readonly [StepKind, string]> = new Map([
  ["chat", ["llm", "chat"]],
  ["completion", ["llm", "text_completion"]],
  ["embedding", ["llm", "embeddings"]],
  ["rerank", ["other", "rerank"]],
]);

/** The operation of the conventions says it where there is one (LangChain's tools are `execute_tool` and of the kind task). */
function kindOf(
  span: SpanView,
  base: DialectFacts,
  entity: string | null,
  attributes: AttributeReader,
): readonly [StepKind, string | null] {
  const request = attributes.text(REQUEST_TYPE)?.toLowerCase();
  const asked = request === undefined ? undefined : KIND_OF_REQUEST.get(request);
  if (span.attributes.has(`${GUARDRAIL}.name`)) return ["guardrail", base.operation ?? "guardrail"];
  if (base.kind !== "other" && base.operation !== null) return [base.kind, base.operation];
  if (asked !== undefined) return asked;
  if (entity !== null)
    return [KIND_OF_ENTITY.get(entity) ?? "other", base.operation ?? OPERATION_OF_ENTITY.get(entity) ?? entity];
  if (isVectorStore(span.attributes)) return ["other", vectorOperation(span.name)];
  const isCall = base.kind === "llm" || span.attributes.has(GEN_AI.requestModel);
  return isCall ? ["llm", base.operation ?? "chat"] : ["other", base.operation];
}

/** Of a workflow or an agent, as a number. */
function versionOf(attributes: AttributeReader): string | null {
  return attributes.text(ENTITY_VERSION) ?? attributes.number(ENTITY_VERSION)?.toString() ?? null;
}

function runFactsOf(
  run: RunFacts,
  attributes: AttributeReader,
  agentName: string | null,
  agentVersion: string | null,
): RunFacts {
  const told = attributes.among(TOLD);
  return {
    ...run,
    task_id: run.task_id ?? attributes.firstText(told.taskId),
    task_type: run.task_type ?? attributes.firstText(told.taskType),
    agent_name: run.agent_name ?? agentName,
    agent_version: run.agent_version ?? attributes.firstText(told.agentVersion) ?? agentVersion,
    session_id: run.session_id ?? attributes.firstText(told.session),
    user_id: run.user_id ?? attributes.firstText(told.user),
  };
}

function endFactsOf(span: SpanView): NonNullable<DialectFacts["end"]> {
  return {
    status: span.statusCode === 2 ? "failed" : "completed",
    outcome: null,
    reason: span.statusMessage || null,
    records: null,
  };
}

function entityContent(attributes: AttributeReader): Pick<Content, "input" | "output"> {
  const input = attributes.value("traceloop.entity.input");
  const output = attributes.value("traceloop.entity.output");
  const content: Pick<Content, "input" | "output"> = {};
  if (input !== null) content.input = keptText(input, attributes.memo.parse);
  if (output !== null) content.output = keptText(output, attributes.memo.parse);
  return content;
}

function readTool(
  span: SpanView,
  attributes: AttributeReader,
  base: DialectFacts,
  entityName: string | null,
): Pick<DialectFacts, "name" | "tool" | "content"> {
  const { input, output } = entityContent(attributes);
  const answer = output === undefined ? null : toolMessage(output, attributes.memo.parse);
  const content: Content = {};
  if (input !== undefined) content.arguments = callArguments(input, attributes.memo.parse);
  if (output !== undefined) content.result = answer?.result ?? output;
  Object.assign(content, base.content);
  const given = attributes.text(GEN_AI.toolName) ?? answer?.name ?? entityName;
  const name = given ?? base.tool?.name ?? span.name;
  return {
    name,
    tool: {
      name,
      call_id: base.tool?.call_id ?? attributes.text(GEN_AI.toolCallId) ?? answer?.callId ?? null,
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

function readGuardrail(
  attributes: AttributeReader,
  otherName: string,
): Pick<DialectFacts, "name" | "content" | "error"> {
  const input = attributes.value(`${GUARDRAIL}.input`);
  const output = attributes.value(`${GUARDRAIL}.output`);
  const isRejection = attributes.text(`${GUARDRAIL}.status`) === "FAILED";
  return {
    name: attributes.text(`${GUARDRAIL}.name`) ?? otherName,
    content: {
      ...(input === null ? {} : { input: keptText(input, attributes.memo.parse) }),
      ...(output === null ? {} : { output: keptText(output, attributes.memo.parse) }),
    },
    error: isRejection
      ? {
          type: attributes.text(`${GUARDRAIL}.error.type`) ?? "guardrail_rejection",
          message: attributes.text(`${GUARDRAIL}.error.message`),
        }
      : null,
  };
}
