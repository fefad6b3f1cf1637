import { PREVIEW_CHARS } from "@runledger/contract";
import { parsedJson } from "./json-text.ts";
import type { Content } from "./normalized.ts";

/** The first words of what went in: the last message, a tool's arguments, any other step's input. Same from the journal and from the log's payloads. */
export function inputPreview(content: Content, parse = parsedJson): string {
  const lastMessage = content.messages?.at(-1);
  return previewOf(lastMessage ?? content.arguments ?? content.input, parse);
}

/** The first words of what came out: the response, a tool's result, any other step's output. */
export function outputPreview(content: Content, parse = parsedJson): string {
  return previewOf(content.response ?? content.result ?? content.output, parse);
}

/** Beyond this a text is shown as it is, unparsed: a preview isn't worth the time. */
const MAX_PARSED_CHARS = 200_000;

function previewOf(json: string | undefined, parse: typeof parsedJson): string {
  if (json === undefined) return "";
  const words = json.length > MAX_PARSED_CHARS ? json : (wordsOfJson(json, parse) ?? json);
  return words.slice(0, PREVIEW_CHARS).toWellFormed();
}

function wordsOfJson(json: string, parse: typeof parsedJson): string | null {
  try {
    return wordsOf(parse(json) ?? null);
  } catch {
    return json; // nested deeper than the stack: raw text is as good a preview
  }
}

/** The text of a message, of a list of messages, or of their parts; a tool call as `name(arguments)`. */
function wordsOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    const words = value.map(wordsOf).filter((text) => text !== null && text !== "");
    return words.length === 0 ? null : words.join(" ");
  }
  if (value === null || typeof value !== "object") return null;
  const part = value as Record<string, unknown>;
  if (part["type"] === "tool_call") return `${String(part["name"])}(${JSON.stringify(part["arguments"] ?? {})})`;
  return wordsOf(part["parts"] ?? part["content"] ?? part["text"] ?? part["response"] ?? part["result"] ?? null);
}
