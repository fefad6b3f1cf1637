import type { ChatMessage } from "@runledger/contract";
import { chatMessage, isInstruction } from "./chat-message.ts";
import { isMembers } from "./json-object.ts";
import { langchainMessage, providerMessage } from "./langchain-message.ts";

/** What the body of a model's request says. Null is unknown. */
export interface RequestSaid {
  /** The provider's own (not LangChain's): what it does not say is not so. */
  exact: boolean;
  operation: "chat" | "text_completion";
  model: string | null;
  stream: boolean;
  system: unknown;
  messages: ChatMessage[];
  tools: unknown[] | null;
}

/**
 * Reads a request of OpenAI's chat completions, completions or responses, of Anthropic's messages, or LangChain's inputs; null for anything else.
 * Sources: the providers' API references; @langchain/core `Run.inputs`.
 */
export function requestSaid(body: unknown): RequestSaid | null {
  if (!isMembers(body)) return null;
  const { messages, input, prompt, prompts, system, instructions, tools } = body;
  const said = (list: ChatMessage[], exact = true): RequestSaid => ({
    exact,
    operation: prompt === undefined && prompts === undefined ? "chat" : "text_completion",
    model: textOf(body["model"]),
    stream: body["stream"] === true,
    system: system ?? instructions ?? null,
    messages: list,
    tools: Array.isArray(tools) && tools.length > 0 ? tools : null,
  });
  if (Array.isArray(messages)) {
    const [first] = messages;
    if (!Array.isArray(first))
      return said(
        messages.map((message) => providerMessage(message, "user")),
        "model" in body,
      );
    return said(
      messages.flat(1).map((message) => langchainMessage(message, "user")),
      false,
    );
  }
  if (Array.isArray(prompts))
    return said(
      prompts.map((text) => chatMessage(text, "user")),
      false,
    );
  if (!("model" in body)) return null;
  const asked = input ?? prompt;
  if (typeof asked === "string") return said([chatMessage(asked, "user")]);
  return Array.isArray(asked) ? said(asked.map((item) => chatMessage(item, "user"))) : null;
}

/**
 * The items that OpenAI's agents SDK hands to the model, null for any other list. The instructions are told apart from them: `instructed` gives them
 * as messages. Source: @openai/agents `AgentInputItem`.
 */
export function itemsSaid(items: unknown, instructed: () => readonly ChatMessage[]): RequestSaid | null {
  if (!Array.isArray(items) || items.length === 0 || !items.every(isItem)) return null;
  const messages = items.map((item) => chatMessage(item, "user"));
  const isInstructed = messages.some(isInstruction);
  return {
    exact: false,
    operation: "chat",
    model: null,
    stream: false,
    system: null,
    messages: isInstructed ? messages : [...instructed(), ...messages],
    tools: null,
  };
}

function isItem(value: unknown): boolean {
  return isMembers(value) && (typeof value["role"] === "string" || isItemType(value["type"]));
}

function isItemType(type: unknown): boolean {
  return typeof type === "string" && /^(function_call|reasoning)/.test(type);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
