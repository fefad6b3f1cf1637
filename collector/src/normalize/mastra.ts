import type { LlmFacts } from "@runledger/contract";
import type { Dialect, DialectFacts } from "./dialect.ts";
import { firstTokenAt } from "./first-token.ts";
import { membersOrList, unlessJson } from "./json-object.ts";
import { keptText } from "./json-text.ts";
import { readGenAi } from "./otel-genai.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

const TYPE = "mastra.span.type";

/**
 * Mastra's exporter: the GenAI conventions, with words of its own where they have none and some values as JSON text. A model call's input is
 * on the step around it (`agent_step`), shortened, and with it the provider's answer when that did not come in a stream.
 * Source: package @mastra/otel-exporter 1.4.
 */
export const mastra: Dialect = {
  name: "mastra",
  claims: (attributes) => attributes.has(TYPE),
  read(span, attributes) {
    const base = readGenAi(span, attributes);
    const type = attributes.text(TYPE) ?? "";
    const llm = base.llm === null ? null : llmFactsOf(base.llm, span, attributes);
    attributes.text("error.message"); // the status says it too
    return {
      ...base,
      run: runFactsOf(base.run, attributes),
      llm,
      ...(llm?.finish_reasons.includes("error") ? { error: { type: "error", message: null } } : {}),
      content: contentOf(base.content, type, attributes),
    };
  },
};

type ReadLlm = NonNullable<DialectFacts["llm"]>;

function llmFactsOf(base: ReadLlm, span: SpanView, attributes: AttributeReader): ReadLlm {
  const startMs = firstTokenAt(attributes.text("mastra.completion_start_time") ?? "", span);
  return {
    ...base,
    provider: base.provider?.split(".chat", 1)[0]?.split(".responses", 1)[0] ?? null,
    finish_reasons: base.finish_reasons.flatMap(reasonsOf),
    reasoning_tokens: base.reasoning_tokens ?? attributes.tokens(["gen_ai.usage.reasoning_tokens"]),
    // of a later step it is the first one's, before this span
    time_to_first_token_ms: startMs ?? base.time_to_first_token_ms,
  };
}

/** A list as JSON text. */
function reasonsOf(text: string): LlmFacts["finish_reasons"] {
  const list = membersOrList(text);
  return Array.isArray(list) ? list.filter((reason) => typeof reason === "string") : [text];
}

/** Of the metadata that the application gives. */
const TOLD = {
  taskId: ["mastra.metadata.taskId"],
  taskType: ["mastra.metadata.taskType"],
  agentVersion: ["mastra.metadata.agentVersion"],
  session: ["mastra.metadata.sessionId"],
  user: ["mastra.metadata.userId", "mastra.metadata.resourceId"],
} as const;

function runFactsOf(base: DialectFacts["run"], attributes: AttributeReader): DialectFacts["run"] {
  const told = attributes.among(TOLD);
  return {
    ...base,
    task_id: attributes.firstText(told.taskId),
    task_type: attributes.firstText(told.taskType),
    agent_version: base.agent_version ?? attributes.firstText(told.agentVersion),
    session_id: base.session_id ?? attributes.firstText(told.session),
    user_id: base.user_id ?? attributes.firstText(told.user),
  };
}

/** What the exporter makes of an answer without words: of the tool calls in it, it says nothing. */
const NO_WORDS = '[{"role":"assistant","parts":[{"type":"text","content":""}]}]';

function contentOf(base: DialectFacts["content"], type: string, attributes: AttributeReader): DialectFacts["content"] {
  const input = attributes.value(`mastra.${type}.input`);
  const output = attributes.value(`mastra.${type}.output`);
  const body = attributes.text("mastra.metadata.body");
  const { response, parameters, ...rest } = base;
  const content: DialectFacts["content"] = rest;
  if (parameters !== undefined)
    content.parameters = JSON.stringify(JSON.parse(parameters, (_key, value) => unlessJson(value)));
  if (response !== undefined && response !== NO_WORDS) content.response = response;
  if (input !== null) content.input = keptText(input);
  if (output !== null) content.output = keptText(output);
  if (body !== null) content.raw_response = body;
  return content;
}
