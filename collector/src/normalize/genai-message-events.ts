/** Where an event's messages belong in a model call's content. */
export interface EventMessages {
  place: "system_prompt" | "messages" | "response";
  /** In the form of the GenAI conventions (contract `ChatMessage`): unknown members stay beside `role` and `parts`. */
  messages: EventMessage[];
}

export interface EventMessage {
  role: string;
  parts: Record<string, unknown>[];
  [key: string]: unknown;
}

type Members = Record<string, unknown>;

const EVENTS: Readonly<Record<string, readonly [place: EventMessages["place"], role: string]>> = {
  "gen_ai.system.message": ["system_prompt", "system"],
  "gen_ai.user.message": ["messages", "user"],
  "gen_ai.assistant.message": ["messages", "assistant"],
  "gen_ai.tool.message": ["messages", "tool"],
  "gen_ai.choice": ["response", "assistant"],
  "gen_ai.content.prompt": ["messages", "user"],
  "gen_ai.content.completion": ["response", "assistant"],
};
/** Where the events keep what they say when they have no body, as those of a span: the whole as JSON text. */
const CONTENT_KEYS = ["gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion"];
/** The event's attributes that are its message. */
const MESSAGE_KEYS = [
  "role",
  "content",
  "message",
  "id",
  "name",
  "tool_calls",
  "finish_reason",
  "index",
  "tool.result",
];

/** The attributes of such an event that `messagesOfEvent` reads: all else says nothing of the message. */
export const MESSAGE_EVENT_KEYS: ReadonlySet<string> = new Set([...CONTENT_KEYS, ...MESSAGE_KEYS]);

export function isMessageEvent(name: string): boolean {
  return Object.hasOwn(EVENTS, name);
}

/**
 * The messages of a GenAI event of the conventions up to 1.36, one event a message, or of 1.27, all messages in one attribute; null for another event.
 * `body` is the log record's, structured or JSON text; span events have none (null), theirs is in the attributes.
 * Source: open-telemetry/semantic-conventions v1.36.0, docs/gen-ai/gen-ai-events.md.
 */
export function messagesOfEvent(name: string, body: unknown, attributes: Readonly<Members>): EventMessages | null {
  const event = Object.hasOwn(EVENTS, name) ? EVENTS[name] : undefined;
  if (event === undefined) return null;
  const [place, role] = event;
  const said = body ?? contentOf(attributes);
  if (said === null) return { place, messages: [] };
  const value = parsedText(said);
  const list = name.startsWith("gen_ai.content.") && Array.isArray(value) ? value : [value];
  return { place, messages: list.map((item) => messageOf(item, role)) };
}

function contentOf(attributes: Readonly<Members>): unknown {
  const whole = CONTENT_KEYS.map((key) => attributes[key]).find((value) => value !== undefined && value !== null);
  if (whole !== undefined) return whole;
  const members = MESSAGE_KEYS.filter((key) => attributes[key] !== undefined).map((key) => [key, attributes[key]]);
  return members.length === 0 ? null : Object.fromEntries(members);
}

/** A message of a model's wire format, or of a choice around it; what is no object is its text. */
function messageOf(value: unknown, defaultRole: string): EventMessage {
  if (!isMembers(value)) return { role: defaultRole, parts: partsOf(value) };
  const { message, ...around } = value;
  const inner = parsedText(message);
  const all: Members = isMembers(inner) ? { ...around, ...inner } : { ...around, content: around["content"] ?? inner };
  const { role, content, parts, tool_calls: calls, id, ...rest } = all;
  const speaker = typeof role === "string" && role !== "" ? role : defaultRole;
  if (Array.isArray(parts) && content === undefined)
    return { ...rest, ...idOf(id), role: speaker, parts: parts.filter(isMembers) };
  const said = partsOf(content);
  const isResult = speaker === "tool" && id !== undefined;
  return {
    ...rest,
    ...(isResult ? {} : idOf(id)),
    role: speaker,
    parts: [
      ...(isResult ? [{ type: "tool_call_response", id, response: content ?? null }] : said),
      ...listOf(parsedText(calls)).map(callOf),
    ],
  };
}

function idOf(id: unknown): Members {
  return id === undefined ? {} : { id };
}

/** `{id, type, function: {name, arguments}}`, or the same without `function`. */
export function callOf(value: unknown): Members {
  if (!isMembers(value)) return { type: "tool_call", arguments: value };
  const { function: named, type: _type, ...call } = value;
  const { arguments: given, ...rest }: Members = isMembers(named) ? { ...call, ...named } : call;
  return { ...rest, type: "tool_call", ...(given === undefined ? {} : { arguments: exactlyParsed(given) }) };
}

function partsOf(content: unknown): Members[] {
  if (content === null || content === undefined) return [];
  const value = typeof content === "string" ? listInText(content) : content;
  return listOf(value).map(partOf);
}

/** Some write the list of parts as text; any other text is what was said. */
function listInText(text: string): unknown {
  const value = text.startsWith("[") ? parsedText(text) : text;
  return Array.isArray(value) && value.length > 0 && value.every(isMembers) ? value : text;
}

/** The parts of OpenAI, Anthropic and Bedrock in the form of the conventions; any other stays as it is. */
export function partOf(value: unknown): Members {
  if (!isMembers(value)) return { type: "text", content: typeof value === "string" ? value : JSON.stringify(value) };
  const { type, ...rest } = value;
  switch (type) {
    case undefined:
      return untypedPart(rest);
    case "text":
    case "input_text":
    case "output_text":
      return textPart(rest);
    case "image_url": {
      const { image_url: image, ...beside } = rest;
      const { url, ...more }: Members = isMembers(image) ? image : { url: image };
      return { ...beside, ...more, type: "uri", modality: "image", uri: url };
    }
    case "input_audio": {
      const { input_audio: audio, ...beside } = rest;
      const { data, format, ...more }: Members = isMembers(audio) ? audio : {};
      return {
        ...beside,
        ...more,
        type: "blob",
        modality: "audio",
        ...(typeof format === "string" ? { mime_type: `audio/${format}` } : { format }),
        content: data,
      };
    }
    case "thinking": {
      const { thinking, ...more } = rest;
      return { ...more, type: "reasoning", content: thinking };
    }
    case "refusal": {
      const { refusal, ...more } = rest;
      return refusal === undefined ? value : { ...more, type, content: refusal };
    }
    case "tool_use": {
      const { input, ...more } = rest;
      return { ...more, type: "tool_call", arguments: input };
    }
    case "tool_result": {
      const { tool_use_id: id, content, ...more } = rest;
      return { ...more, type: "tool_call_response", id, response: content ?? null };
    }
    default:
      return value;
  }
}

function textPart({ text, ...rest }: Members): Members {
  return { ...rest, type: "text", ...(text === undefined ? {} : { content: text }) };
}

/** Bedrock names a part by its one member. */
function untypedPart(part: Members): Members {
  const { toolUse, toolResult, ...rest } = part;
  if (isMembers(toolUse)) {
    const { toolUseId: id, name, input, ...more } = toolUse;
    return { ...rest, ...more, type: "tool_call", id, name, arguments: input };
  }
  if (isMembers(toolResult)) {
    const { toolUseId: id, content, ...more } = toolResult;
    return { ...rest, ...more, type: "tool_call_response", id, response: content ?? null };
  }
  return typeof part["text"] === "string" ? textPart(part) : { ...part, type: "object" };
}

/** Arguments that came as text, as what they say; text with numbers that would lose digits stays text. */
function exactlyParsed(value: unknown): unknown {
  return typeof value === "string" && !/\d{16}/.test(value) ? parsedText(value) : value;
}

/** What the JSON says when the text is that of an object or a list, else the value itself. */
function parsedText(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // words that begin with a bracket
  }
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
