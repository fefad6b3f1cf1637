import {
  parseJson,
  type Redaction,
  type RedactorParts,
  redactContent,
  redactValue,
  stringify,
} from "./json-redactor.ts";

/**
 * The body of a streamed answer: server-sent events, or JSON by the line. A text comes in pieces there, so each is looked at both as it came and as
 * the whole that its pieces make; where something is found in the whole, its first piece is given the redacted whole and the others nothing.
 * Anything else is a text. @throws RedactionFailure
 */
export function redactBody(body: string, redaction: Redaction, parts: RedactorParts): string {
  if (parseJson(body) !== undefined) return redactContent(body, redaction, parts);
  const lines = body.split("\n").map(readLine);
  if (!lines.some(({ value }) => value !== undefined)) return redactContent(body, redaction, parts);
  const wholes = new Map<string, Piece[]>();
  for (const line of lines) if (line.value !== undefined) collect(line, line.value, [], "", wholes);
  for (const pieces of wholes.values()) redactWhole(pieces, redaction, parts);
  return lines.map((line) => writeLine(line, redaction, parts)).join("\n");
}

interface Line {
  before: string;
  text: string;
  after: string;
  value: object | undefined;
  changed: boolean;
}
interface Piece {
  text: string;
  path: string[];
  put(text: string): void;
}

const EVENT_LINE = /^(data: ?)?(.*?)(\r?)$/s;

function readLine(line: string): Line {
  const [, before = "", text = "", after = ""] = EVENT_LINE.exec(line) ?? [];
  return { before, text, after, value: parseJson(text)?.value as object | undefined, changed: false };
}

function writeLine({ before, text, after, value, changed }: Line, redaction: Redaction, parts: RedactorParts): string {
  if (value === undefined)
    return before + parts.redactText(text, { attribute: redaction.attribute, path: [] }, redaction.found) + after;
  const redacted = redactValue(value, { redaction, parts, nested: 0 }, []);
  return before + (changed || redacted !== value ? stringify(redacted) : text) + after;
}

/** Members that say which text a piece is of. */
const WHICH = ["type", "index", "output_index", "content_index", "item_id"];

function collect(line: Line, value: object, path: string[], which: string, wholes: Map<string, Piece[]>): void {
  const members = value as Record<string, unknown>;
  const own = Array.isArray(value) ? which : `${which}|${WHICH.map((name) => plain(members[name])).join(",")}`;
  for (const [name, member] of Object.entries(members)) {
    const below = [...path, name];
    if (typeof member === "object" && member !== null) collect(line, member, below, own, wholes);
    if (typeof member !== "string" || member === "") continue;
    const key = `${own}|${below.join(".")}`;
    const pieces = wholes.get(key) ?? [];
    wholes.set(key, pieces);
    pieces.push({
      text: member,
      path: below,
      put(text) {
        members[name] = text;
        line.changed = true;
      },
    });
  }
}

function plain(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function redactWhole(pieces: readonly Piece[], redaction: Redaction, parts: RedactorParts): void {
  const [first] = pieces;
  // An id or a model's name, told in each event.
  if (first === undefined || pieces.length < 2 || pieces.every(({ text }) => text === first.text)) return;
  const whole = pieces.map(({ text }) => text).join("");
  const redacted = redactContent(whole, redaction, parts, first.path);
  if (redacted === whole) return;
  for (const [number, piece] of pieces.entries()) piece.put(number === 0 ? redacted : "");
}
