import { type ReadFile, readFile } from "./file-part.ts";

/** A part of a message in the one form that the page draws. */
export type ReadPart =
  | { type: "text" | "reasoning"; text: string }
  | { type: "call"; id: string | null; name: string; arguments: unknown }
  | { type: "result"; id: string | null; value: unknown }
  | ReadFile
  | { type: "other"; label: string; value: unknown };

export interface ReadMessage {
  role: string;
  parts: ReadPart[];
}

/**
 * Reads a message as it went over the wire: OpenTelemetry's `parts`, OpenAI's `content` and `tool_calls`, Anthropic's content blocks.
 * What none of them claims is shown as it is, never left out.
 */
export function readMessage(raw: unknown): ReadMessage {
  if (!isObject(raw))
    return { role: "message", parts: [typeof raw === "string" ? { type: "text", text: raw } : other("value", raw)] };
  const message = isObject(raw["message"]) ? raw["message"] : raw;
  const role = typeof message["role"] === "string" ? message["role"] : "message";
  const toolCallId = textOf(message["tool_call_id"]);
  const content = message["parts"] ?? message["content"];
  const parts: ReadPart[] = [];
  if (typeof message["reasoning_content"] === "string")
    parts.push({ type: "reasoning", text: message["reasoning_content"] });
  if (role === "tool" && toolCallId !== null) parts.push({ type: "result", id: toolCallId, value: content });
  else if (Array.isArray(content)) parts.push(...content.map(readPart));
  else if (typeof content === "string" && content !== "") parts.push({ type: "text", text: content });
  else if (content !== undefined && content !== null && content !== "") parts.push(other("content", content));
  if (Array.isArray(message["tool_calls"])) parts.push(...message["tool_calls"].map(readPart));
  if (parts.length === 0 && content === undefined) parts.push(other("message", raw));
  return { role, parts };
}

function readPart(raw: unknown): ReadPart {
  if (typeof raw === "string") return { type: "text", text: raw };
  if (!isObject(raw)) return other("value", raw);
  const type = textOf(raw["type"]) ?? "part";
  const id = textOf(raw["id"]) ?? textOf(raw["call_id"]) ?? textOf(raw["tool_use_id"]);
  switch (type) {
    case "text":
    case "input_text":
    case "output_text": {
      const text = textOf(raw["content"]) ?? textOf(raw["text"]);
      return text === null ? other(type, raw) : { type: "text", text };
    }
    case "reasoning":
    case "thinking": {
      const text = textOf(raw["content"]) ?? textOf(raw["thinking"]);
      return text === null ? other(type, raw) : { type: "reasoning", text };
    }
    case "tool_call":
    case "tool_use":
    case "function_call":
      return {
        type: "call",
        id,
        name: textOf(raw["name"]) ?? "?",
        arguments: raw["arguments"] ?? raw["input"] ?? null,
      };
    case "function": {
      const called = isObject(raw["function"]) ? raw["function"] : raw;
      return { type: "call", id, name: textOf(called["name"]) ?? "?", arguments: called["arguments"] ?? null };
    }
    case "tool_call_response":
    case "tool_result":
    case "function_call_output":
      return { type: "result", id, value: raw["response"] ?? raw["result"] ?? raw["content"] ?? raw["output"] ?? null };
    default:
      return readFile(raw) ?? other(type, raw);
  }
}

/** The text of a system prompt, whether a string or a list of parts; null when it is something else. */
export function readText(raw: unknown): string | null {
  if (typeof raw === "string") return raw;
  if (!Array.isArray(raw)) return null;
  const parts = raw.map(readPart);
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  return texts.length === parts.length && texts.length > 0 ? texts.join("\n\n") : null;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function other(label: string, value: unknown): ReadPart {
  return { type: "other", label, value };
}
