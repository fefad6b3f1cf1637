import { keptValue, type PayloadName } from "@runledger/contract";

/** Deeper than anybody means it; within it, whoever reads the answer has stack enough. */
const MAX_NESTING = 500;

/** Of `KEPT_MEDIA_TYPE`; a reference to a difference does not tell. */
const KEPT_NAMES: ReadonlySet<PayloadName> = new Set(["arguments", "result", "input", "output"]);

/** What the JSON says; nested deeper than MAX_NESTING, or no JSON where it need not be, the text itself: content is never hidden. */
export function parseContent(name: PayloadName, text: string): unknown {
  if (nestedDeeper(text, MAX_NESTING)) return text;
  return KEPT_NAMES.has(name) ? keptValue(text) : JSON.parse(text);
}

/** The JSON of what `parseContent` gives. */
export function jsonOf(name: PayloadName, text: string): string {
  const value = parseContent(name, text);
  return typeof value === "string" ? JSON.stringify(value) : text;
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
