import { filePart } from "./file-part.ts";
import { copiedBeside, isMembers, type Members, unlessJson } from "./json-object.ts";
import { hasLongNumber } from "./long-number.ts";

/** The parts of OpenAI, Anthropic, Gemini and Bedrock in the form of the conventions; any other stays as it is. */
export function partOf(value: unknown): Members {
  if (!isMembers(value)) return { type: "text", content: typeof value === "string" ? value : JSON.stringify(value) };
  if (value["type"] === "text" || value["type"] === "input_text" || value["type"] === "output_text")
    return textPart(value);
  switch (value["type"]) {
    case undefined: {
      const { type: _type, ...rest } = value;
      return untypedPart(rest);
    }
    case "thinking": {
      const { type: _type, thinking, ...more } = value;
      return { ...more, type: "reasoning", content: thinking };
    }
    case "refusal": {
      const { type, refusal, ...more } = value;
      return refusal === undefined ? value : { ...more, type, content: refusal };
    }
    case "tool_use": {
      const call = copiedBeside({}, value, TOOL_USE_KEYS);
      call["type"] = "tool_call";
      call["arguments"] = value["input"];
      return call;
    }
    case "tool_result": {
      const result = copiedBeside({}, value, TOOL_RESULT_KEYS);
      result["type"] = "tool_call_response";
      result["id"] = value["tool_use_id"];
      result["response"] = value["content"] ?? null;
      return result;
    }
    default:
      return filePart(value) ?? value;
  }
}

const TOOL_USE_KEYS = ["type", "input"];
const TOOL_RESULT_KEYS = ["type", "tool_use_id", "content"];

/** Its members in one order, whoever sent it: the same messages have the same hash. */
function textPart(part: Members): Members {
  const made: Members = { type: "text" };
  if (part["text"] !== undefined) made["content"] = part["text"];
  copiedBeside(made, part, part["text"] === undefined ? TYPE_KEY : TEXT_KEYS);
  return made;
}

const TYPE_KEY = ["type"];
const TEXT_KEYS = ["type", "text", "content"];

/** Bedrock and Gemini name a part by its one member. */
function untypedPart(part: Members): Members {
  const { toolUse, toolResult, functionCall, function_call, functionResponse, function_response, ...more } = part;
  const { reasoningContent, ...rest } = more;
  const call = functionCall ?? function_call;
  const answer = functionResponse ?? function_response;
  if (isMembers(toolUse)) {
    const { toolUseId: id, name, input, ...more } = toolUse;
    return { ...rest, ...more, type: "tool_call", id, name, arguments: input };
  }
  if (isMembers(toolResult)) {
    const { toolUseId: id, content, ...more } = toolResult;
    return { ...rest, ...more, type: "tool_call_response", id, response: content ?? null };
  }
  if (isMembers(call)) {
    const { args, ...more } = call;
    return { ...rest, ...more, type: "tool_call", arguments: args ?? {} };
  }
  if (isMembers(answer)) {
    const { response, ...more } = answer;
    return { ...rest, ...more, type: "tool_call_response", response: response ?? null };
  }
  const thought = isMembers(reasoningContent) ? reasoningContent["reasoningText"] : null;
  if (isMembers(thought)) {
    const { text: content, ...more } = thought;
    return { ...rest, ...more, type: "reasoning", content };
  }
  if (typeof part["text"] !== "string") return filePart(part) ?? { ...part, type: "object" };
  if (part["thought"] !== true) return textPart(part);
  const { text, thought: _thought, ...beside } = part;
  return { ...beside, type: "reasoning", content: text };
}

/** `{id, type, function: {name, arguments}}`, or the same without `function`, or LangChain's `{id, name, args}`. */
export function callOf(value: unknown): Members {
  if (!isMembers(value)) return { type: "tool_call", arguments: value };
  const named = value["function"];
  const own = value["arguments"] === undefined ? "args" : "arguments";
  const made = copiedBeside({}, value, own === "args" ? LANGCHAIN_CALL_KEYS : CALL_KEYS);
  if (isMembers(named)) copiedBeside(made, named, FUNCTION_KEYS);
  const given = isMembers(named) && "arguments" in named ? named["arguments"] : value[own];
  made["type"] = "tool_call";
  if (given !== undefined) made["arguments"] = exactlyParsed(given);
  return made;
}

const CALL_KEYS = ["function", "type", "arguments"];
const LANGCHAIN_CALL_KEYS = [...CALL_KEYS, "args"];
const FUNCTION_KEYS = ["arguments"];

/** Arguments that came as text, as what they say; text with numbers that would lose digits stays text. */
function exactlyParsed(value: unknown): unknown {
  return typeof value === "string" && !hasLongNumber(value) ? unlessJson(value) : value;
}
