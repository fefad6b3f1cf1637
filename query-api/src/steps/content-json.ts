import { type PayloadName, type PayloadRef, type ReadPayload, readMessages, readText } from "@runledger/contract";
import { pickedJson, type ToolPick } from "./tool-parts.ts";

/** Deeper than anybody means it; within it, whoever reads the answer has stack enough. */
const MAX_NESTING = 500;

/** Texts as they were received: JSON strings of the answer. */
const RAW_NAMES: ReadonlySet<PayloadName> = new Set(["raw_response", "raw_request"]);
/** Of `KEPT_MEDIA_TYPE`; a reference to a difference does not tell. */
const KEPT_NAMES: ReadonlySet<PayloadName> = new Set(["arguments", "result", "input", "output"]);

/**
 * The JSON that a payload is, as it is written there: parsed and written anew, an integer beyond 2^53 would be another one. Of an `overflow` its `attributes`.
 * @param pick Only this part of it.
 * @throws LogError as the reader does; SyntaxError when it is none and should be.
 */
export async function readContentJson(
  read: ReadPayload,
  name: PayloadName,
  ref: PayloadRef,
  pick?: ToolPick,
): Promise<string> {
  const json = await wholeJson(read, name, ref);
  return pick === undefined ? json : pickedJson(json, pick);
}

async function wholeJson(read: ReadPayload, name: PayloadName, ref: PayloadRef): Promise<string> {
  if (name === "messages") return `[${(await readMessages(read, ref)).map((text) => jsonOf(name, text)).join(",")}]`;
  const text = Buffer.from(await readText(read, ref)).toString("utf8");
  return name === "overflow" ? JSON.stringify(JSON.parse(text).attributes ?? {}) : jsonOf(name, text);
}

/** The text where it is JSON. Nested deeper than MAX_NESTING, or no JSON where it need not be, it is shown as a string: content is never hidden. */
function jsonOf(name: PayloadName, text: string): string {
  return RAW_NAMES.has(name) || nestedDeeper(text, MAX_NESTING) || !isJson(name, text) ? JSON.stringify(text) : text;
}

function isJson(name: PayloadName, text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (KEPT_NAMES.has(name)) return false;
    throw error;
  }
}

const [QUOTE, BACKSLASH, BRACE, BRACE_END, BRACKET, BRACKET_END] = [...'"\\{}[]'].map((one) => one.charCodeAt(0));

function nestedDeeper(json: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) quoted = !quoted;
    else if (quoted) at += character === BACKSLASH ? 1 : 0;
    else if (character === BRACE || character === BRACKET) depth++;
    else if (character === BRACE_END || character === BRACKET_END) depth--;
    if (depth > limit) return true;
  }
  return false;
}
