import { PREVIEW_CHARS } from "@runledger/contract";
import { parsedJson } from "./json-text.ts";
import { firstWords, wordsOf } from "./json-words.ts";
import type { Content } from "./normalized.ts";

/**
 * The first words of what went in: the last message, a tool's arguments, any other step's input. Same from the journal and from the log's payloads.
 * `parse`: what knows messages and the response, which were parsed already or written just now.
 */
export function inputPreview(content: Content, parse = parsedJson): string {
  const lastMessage = content.messages?.at(-1);
  return lastMessage === undefined ? textPreview(content.arguments ?? content.input) : preview(lastMessage, parse);
}

/** The first words of what came out: the response, a tool's result, any other step's output. */
export function outputPreview(content: Content, parse = parsedJson): string {
  const { response } = content;
  return response === undefined ? textPreview(content.result ?? content.output) : preview(response, parse);
}

/** Beyond this a message is shown as text: a preview isn't worth the time to parse it. */
const MAX_PARSED_CHARS = 200_000;

function preview(json: string, parse: typeof parsedJson): string {
  return shown(json.length > MAX_PARSED_CHARS ? json : (wordsIn(json, parse) ?? json));
}

function wordsIn(json: string, parse: typeof parsedJson): string | null {
  try {
    return wordsOf(parse(json) ?? null);
  } catch {
    return null; // a call's arguments are nested deeper than the stack
  }
}

function textPreview(json: string | undefined): string {
  return json === undefined ? "" : shown(firstWords(json) ?? json);
}

function shown(words: string): string {
  const first = words.length > PREVIEW_CHARS ? words.slice(0, PREVIEW_CHARS) : words;
  return first.isWellFormed() ? first : first.toWellFormed();
}
