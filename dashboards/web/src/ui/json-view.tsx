import { useMemo } from "react";
import { LongText } from "./long-text.tsx";

const COLOURED_CHARS = 20_000;
const PARSED_CHARS = 1_000_000;
const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A JSON value, indented. JSON inside a string (arguments as they go over the wire) is shown as what it means. */
export function JsonView({ value, label }: { value: unknown; label: string }) {
  const text = useMemo(() => pretty(value), [value]);
  return (
    <LongText
      text={text}
      mono
      label={label}
      render={(part) => (part.length > COLOURED_CHARS ? part : coloured(part))}
    />
  );
}

function pretty(value: unknown): string {
  const meant = typeof value === "string" ? parsed(value) : value;
  if (typeof meant === "string") return meant;
  return JSON.stringify(meant, null, 2) ?? "null";
}

function parsed(text: string): unknown {
  if (text.length > PARSED_CHARS || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function coloured(text: string) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon] = match;
    parts.push(text.slice(end, match.index));
    const kind = string === undefined ? "literal" : colon === undefined ? "string" : "key";
    parts.push(
      <span key={match.index} className={`json-${kind}`}>
        {string ?? whole}
      </span>,
    );
    if (colon !== undefined) parts.push(colon);
    end = match.index + whole.length;
  }
  parts.push(text.slice(end));
  return parts;
}
