import { PREVIEW_CHARS } from "@runledger/contract";
import { firstWords } from "./json-words.ts";
import type { Content } from "./normalized.ts";

/** The first words of what went in: the last message, a tool's arguments, any other step's input. Same from the journal and from the log's payloads. */
export function inputPreview(content: Content): string {
  const lastMessage = content.messages?.at(-1);
  return previewOf(lastMessage ?? content.arguments ?? content.input);
}

/** The first words of what came out: the response, a tool's result, any other step's output. */
export function outputPreview(content: Content): string {
  return previewOf(content.response ?? content.result ?? content.output);
}

function previewOf(json: string | undefined): string {
  if (json === undefined) return "";
  return (firstWords(json) ?? json).slice(0, PREVIEW_CHARS).toWellFormed();
}
