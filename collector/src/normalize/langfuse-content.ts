import type { ChatMessage } from "@runledger/contract";
import { chatMessage, conversationOf } from "./chat-message.ts";
import { copiedBeside, isMembers, type Members, membersOrList } from "./json-object.ts";
import { keptText } from "./json-text.ts";
import { hasLongValue } from "./long-number.ts";
import type { Content } from "./normalized.ts";
import { type ResponseSaid, responseSaid } from "./provider-answer.ts";
import type { AttributeReader } from "./span-view.ts";
import type { TextMemo } from "./text-memo.ts";
import { toolsOffered } from "./tool-definition.ts";

const INPUT = "langfuse.observation.input";
const OUTPUT = "langfuse.observation.output";
const PARAMETERS = "langfuse.observation.model.parameters";

/** Input and output as they are. */
export function plainContent(
  attributes: AttributeReader,
  into: "input" | "arguments",
  out: "output" | "result",
): Content {
  const input = attributes.value(INPUT);
  const output = attributes.value(OUTPUT);
  const content: Content = {};
  if (input !== null) content[into] = keptText(input, attributes.memo.parse);
  if (output !== null) content[out] = keptText(output, attributes.memo.parse);
  return content;
}

/** What a generation says of itself. null: nothing. */
export interface Generation {
  input: unknown;
  output: unknown;
  /** The output, where it is a provider's whole answer. */
  answer: ResponseSaid | null;
  /** The model's settings. */
  parameters: Members;
}

export function takeGeneration(attributes: AttributeReader): Generation {
  const output = attributes.value(OUTPUT);
  return {
    input: attributes.value(INPUT),
    output,
    answer: responseSaid(membersOrList(output, attributes.memo.parse)),
    parameters: parametersOf(attributes),
  };
}

/**
 * A generation: its input is a text, a list of messages, or the request's `{messages, tools, …}`; its output a text, a message, or OpenAI's
 * list of output items, or the provider's whole answer. What else the request says stands beside the parameters.
 */
export function generationContent(generation: Generation, attributes: AttributeReader): Content {
  const { memo } = attributes;
  const { input: given, output, answer } = generation;
  const request = membersOrList(given, memo.parse);
  const beside = isMembers(request) && Array.isArray(request["messages"]) ? request : null;
  const { messages, tools } = beside ?? { messages: request ?? given, tools: undefined };
  const metadata = metadataOf(attributes);
  const { spoken, offered } = withoutTools(given === null ? [] : listOf(messages));
  const { system, messages: said } = conversationOf(spoken, memo.write);
  const definitions = membersOrList(tools ?? metadata.tools ?? offered, memo.parse);
  const response = answer?.messages ?? responseOf(output, memo);
  const instructions = system ?? metadata.instructions;
  const content: Content = {};
  if (instructions !== null) content.system_prompt = instructions;
  if (given !== null) content.messages = said;
  if (definitions !== null) content.tool_definitions = toolsOffered(listOf(definitions), memo).text;
  if (response !== null) content.response = memo.write(response);
  if (losesDigits(given)) content.raw_request = given;
  if (output !== null && (answer !== null || losesDigits(output)))
    content.raw_response = typeof output === "string" ? output : JSON.stringify(output);
  const parameters =
    beside === null ? generation.parameters : { ...generation.parameters, ...copiedBeside({}, beside, TALK) };
  if (Object.keys(parameters).length > 0) content.parameters = JSON.stringify(parameters);
  return content;
}

const TALK = ["messages", "tools"];

/** LangChain's handler puts the tools that are offered behind the messages, as if a tool had said them. */
function withoutTools(list: unknown[]): { spoken: unknown[]; offered: unknown[] | null } {
  const spoken = list.filter((item) => toolOffered(item) === null);
  return { spoken, offered: spoken.length === list.length ? null : list.flatMap((item) => toolOffered(item) ?? []) };
}

function toolOffered(message: unknown): Record<string, unknown> | null {
  if (!isMembers(message) || message["role"] !== "tool" || message["tool_call_id"] !== undefined) return null;
  const { content } = message;
  return isMembers(content) && content["type"] === "function" && isMembers(content["function"]) ? content : null;
}

/** Numbers that JavaScript can't hold, as Python writes them: what was sent is kept beside what was read. */
function losesDigits(value: unknown): value is string {
  return typeof value === "string" && hasLongValue(value);
}

/** OpenAI's responses API tells instructions and tools back, and Langfuse keeps them as metadata. */
function metadataOf(attributes: AttributeReader): { instructions: string | null; tools: unknown } {
  const instructions = attributes.text("langfuse.observation.metadata.instructions");
  return {
    instructions: instructions === null ? null : JSON.stringify([{ type: "text", content: instructions }]),
    tools: attributes.value("langfuse.observation.metadata.tools"),
  };
}

function parametersOf(attributes: AttributeReader): Members {
  const given = attributes.value(PARAMETERS);
  const parameters = membersOrList(given, attributes.memo.parse);
  if (isMembers(parameters)) return parameters;
  return given === null ? {} : { parameters: parameters ?? given };
}

function responseOf(output: unknown, { parse }: TextMemo): ChatMessage[] | null {
  if (output === null || output === "") return null;
  const value = membersOrList(output, parse);
  return listOf(value ?? output).map((item) => chatMessage(item, "assistant"));
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
