import { GEN_AI } from "@runledger/contract";
import { createMembers } from "../otlp/members.ts";
import { chatMessage, conversationOf } from "./chat-message.ts";
import type { Dialect, DialectFacts } from "./dialect.ts";
import { type FlatEntries, flatList, takeFlatLists } from "./flat-keys.ts";
import { isMembers, membersOrList } from "./json-object.ts";
import { jsonTextOf } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import { modelContent } from "./otel-genai-content.ts";
import { llmFactsOf } from "./otel-genai-model.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import type { TextMemo } from "./text-memo.ts";
import { toolDefinition } from "./tool-definition.ts";

type LlmFacts = NonNullable<DialectFacts["llm"]>;
type Scope = Parameters<Dialect["read"]>[2];

const PROMPT = "gen_ai.prompt.";
const COMPLETION = "gen_ai.completion.";
const FUNCTIONS = "llm.request.functions.";
const LISTS = [PROMPT, COMPLETION, FUNCTIONS] as const;

/** A model call: as the conventions have it, and what older versions flattened into keys or named otherwise. */
export function readModelCall(
  span: SpanView,
  attributes: AttributeReader,
  base: DialectFacts,
  scope: Scope,
): Pick<DialectFacts, "name" | "llm" | "content"> {
  const requestModel = attributes.text(GEN_AI.requestModel);
  const facts = base.llm ?? llmFactsOf(requestModel, span, attributes);
  const lists = takeFlatLists(span.attributes, attributes, LISTS);
  const content = base.kind === "llm" ? base.content : modelContent(span, attributes);
  const completions = lists[COMPLETION];
  if (lists[PROMPT].length > 0) Object.assign(content, promptContent(lists[PROMPT], attributes.memo));
  if (completions.length > 0)
    content.response ??= attributes.memo.write(completions.map((entries) => flatMessage(entries, "assistant")));
  if (lists[FUNCTIONS].length > 0) content.tool_definitions ??= JSON.stringify(lists[FUNCTIONS].map(flatFunction));
  const settings = settingsOf(attributes, content.parameters);
  if (settings !== null) content.parameters = settings;
  const reasons = completions.flatMap((entries) => textOf(entries.get("finish_reason")) ?? []);
  return {
    name: requestModel ?? span.name,
    llm: {
      ...facts,
      input_tokens: inputTokensOf(facts, span.attributes, scope),
      finish_reasons: facts.finish_reasons.length > 0 ? facts.finish_reasons : oldReasons(attributes, reasons),
      reasoning_tokens: facts.reasoning_tokens ?? attributes.tokens(["llm.usage.reasoning_tokens"]),
      streaming: facts.streaming ?? attributes.boolean("llm.is_streaming") ?? attributes.boolean("gen_ai.is_streaming"),
    },
    content,
  };
}

function oldReasons(attributes: AttributeReader, ofCompletions: string[]): string[] {
  const said = attributes.text("llm.response.finish_reason") ?? attributes.text("llm.response.stop_reason");
  return ofCompletions.length > 0 || said === null ? ofCompletions : [said];
}

/** Up to here the instrumentation of Anthropic's client leaves cached tokens out of the input; later ones follow the conventions. */
const LAST_WITHOUT_CACHED = { name: "@traceloop/instrumentation-anthropic", minor: 27 };

function inputTokensOf(facts: LlmFacts, given: SpanView["attributes"], scope: Scope): number | null {
  if (scope.name !== LAST_WITHOUT_CACHED.name) return facts.input_tokens;
  const sent = given.get(GEN_AI.inputTokens);
  const [major, minor] = scope.version.split(".").map(Number);
  const isWithout = major === 0 && (minor ?? 0) <= LAST_WITHOUT_CACHED.minor;
  if (!isWithout || typeof sent !== "number" || facts.input_tokens === null) return facts.input_tokens;
  return sent + (facts.cache_read_tokens ?? 0) + (facts.cache_write_tokens ?? 0);
}

function promptContent(list: readonly FlatEntries[], { write }: TextMemo): Content {
  const { system, messages } = conversationOf(
    list.map((entries) => flatMessage(entries, "user")),
    write,
  );
  return { ...(system === null ? {} : { system_prompt: system }), messages };
}

/** `{role, content, tool_call_id, finish_reason, tool_calls.N.{id, name, arguments}, …}`; unknown keys stay beside. */
function flatMessage(entries: FlatEntries, defaultRole: string): ReturnType<typeof chatMessage> {
  const members = createMembers();
  for (const [key, value] of entries) if (!key.startsWith("tool_calls.")) members[key] = value;
  const {
    role,
    content,
    user,
    reasoning,
    "function_call.name": name,
    "function_call.arguments": given,
    ...rest
  } = members;
  const calls = flatList(entries, "tool_calls.").map(flatCall);
  if (typeof name === "string" && calls.length === 0)
    calls.push(
      flatCall(
        new Map([
          ["name", name],
          ["arguments", given],
        ]),
      ),
    );
  // Anthropic's thoughts were told as an answer of their own
  const isThought = role === "thinking";
  const thoughts = reasoning ?? (isThought ? content : undefined);
  const message = chatMessage(
    {
      ...rest,
      role: isThought ? "assistant" : (textOf(role) ?? defaultRole),
      content: isThought ? null : partsIn(content ?? user),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
    defaultRole,
  );
  if (thoughts === undefined) return message;
  return { ...message, parts: [{ type: "reasoning", content: thoughts }, ...message.parts] };
}

function flatCall(entries: ReadonlyMap<string, unknown>): unknown {
  const { name, arguments: given, ...rest } = Object.fromEntries(entries);
  return { ...rest, function: { name, arguments: given } };
}

/** Parts were written as JSON text. */
function partsIn(content: unknown): unknown {
  const list = membersOrList(content);
  return Array.isArray(list) && list.length > 0 && list.every((part) => isMembers(part) && "type" in part)
    ? list
    : content;
}

function flatFunction(entries: FlatEntries): Record<string, unknown> {
  const { parameters, input_schema: schema, ...rest } = Object.fromEntries(entries);
  const given = parameters ?? schema;
  return toolDefinition({ ...rest, ...(given === undefined ? {} : { parameters: JSON.parse(jsonTextOf(given)) }) });
}

/** Settings under the names they had before the conventions had one. */
const OLD_SETTINGS = (
  [
    ["top_k", "llm.top_k"],
    ["frequency_penalty", "llm.frequency_penalty"],
    ["presence_penalty", "llm.presence_penalty"],
    ["stop_sequences", "llm.chat.stop_sequences"],
    ["reasoning_effort", "gen_ai.request.reasoning_effort"],
    ["max_completion_tokens", "gen_ai.request.max_completion_tokens"],
    ["thinking_type", "gen_ai.request.thinking_type"],
    ["thinking_budget_tokens", "gen_ai.request.thinking.budget_tokens"],
  ] as const
).map(([name, key]) => ({ name, key }));

function settingsOf(attributes: AttributeReader, known: string | undefined): string | null {
  const there = attributes.there(OLD_SETTINGS);
  if (there.length === 0) return null;
  const old: Record<string, unknown> = {};
  for (const { name, key } of there) {
    const value = attributes.value(key);
    if (value !== null) old[name] = value;
  }
  return Object.keys(old).length === 0 ? null : JSON.stringify({ ...old, ...JSON.parse(known ?? "{}") });
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
