import { chatMessage, conversationOf } from "./chat-message.ts";
import { isMembers, jsonObject, type Members } from "./json-object.ts";
import { hasLongValue } from "./long-number.ts";
import type { Content } from "./normalized.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";
import { toolsOffered } from "./tool-definition.ts";

const REQUEST = "gcp.vertex.agent.llm_request";
const RESPONSE = "gcp.vertex.agent.llm_response";
const ARGUMENTS = "gcp.vertex.agent.tool_call_args";
const RESULT = "gcp.vertex.agent.tool_response";
/** Of parallel calls ADK makes one span more, for what their results were put together to. */
export const ADK_MERGED_TOOLS = "(merged tools)";

/**
 * What Google's Agent Development Kit keeps of a model call under the names of its own: Gemini's request `{config, contents}` and answer `{content,
 * finish_reason}` as JSON text, `{}` where content is switched off. Source: google-adk 2.13, telemetry/tracing.py.
 */
export function adkTalk(span: SpanView, attributes: AttributeReader): Content {
  const request = membersIn(span, attributes, REQUEST);
  const response = membersIn(span, attributes, RESPONSE);
  const content: Content = {};
  if (Array.isArray(request?.["contents"])) {
    const { system, messages } = conversationOf(request["contents"].map(inRole), attributes.memo.write);
    const { system_instruction, tools, ...settings }: Members = isMembers(request["config"]) ? request["config"] : {};
    const instructions = system_instruction === undefined ? system : JSON.stringify(partsOf(system_instruction));
    if (instructions !== null) content.system_prompt = instructions;
    content.messages = messages;
    if (Array.isArray(tools)) content.tool_definitions = toolsOffered(tools.flatMap(declared), attributes.memo).text;
    if (Object.keys(settings).length > 0) content.parameters = JSON.stringify(settings);
    const text = attributes.text(REQUEST) ?? "";
    if (hasLongValue(text)) content.raw_request = text;
  }
  if (response !== null && isMembers(response["content"])) {
    const message = chatMessage(inRole(response["content"]), "assistant");
    const { finish_reason: reason } = response;
    if (typeof reason === "string") message["finish_reason"] = reason.toLowerCase();
    content.response = attributes.memo.write([message]);
    content.raw_response = attributes.text(RESPONSE) ?? "";
  }
  return content;
}

/** A tool's arguments and result; both say `{}` where content is switched off. */
export function adkTool(span: SpanView, attributes: AttributeReader): { arguments: unknown; result: unknown } {
  if (span.attributes.get(RESULT) === "{}") return { arguments: null, result: null };
  return { arguments: attributes.value(ARGUMENTS), result: attributes.value(RESULT) };
}

function membersIn(span: SpanView, { memo }: AttributeReader, key: string): Members | null {
  const text = span.attributes.get(key);
  return typeof text === "string" ? jsonObject(text, memo.parse) : null;
}

/** The model is Gemini's word for the assistant; results of tools come as the user's. */
function inRole(content: unknown): unknown {
  if (!isMembers(content)) return content;
  const { role, parts } = content;
  const isResult =
    Array.isArray(parts) && parts.length > 0 && parts.every((part) => isMembers(part) && "function_response" in part);
  return { ...content, role: isResult ? "tool" : role === "model" ? "assistant" : (role ?? "user") };
}

/** A text, a content, or a list of either. */
function partsOf(instruction: unknown): unknown[] {
  if (Array.isArray(instruction)) return instruction.flatMap(partsOf);
  const content = isMembers(instruction) && !Array.isArray(instruction["parts"]) ? [instruction] : instruction;
  return chatMessage(isMembers(content) ? { ...content, role: "system" } : { role: "system", content }, "system").parts;
}

/** A tool of Gemini's is a list of functions, or one that Google runs. */
function declared(tool: unknown): unknown[] {
  if (!isMembers(tool)) return [tool];
  const { function_declarations: functions, ...more } = tool;
  const others = Object.keys(more).map((type) => ({ type, [type]: more[type] }));
  if (!Array.isArray(functions)) return others;
  return [...functions.map(withParameters), ...others];
}

function withParameters(declaration: unknown): unknown {
  if (!isMembers(declaration) || declaration["parameters_json_schema"] === undefined) return declaration;
  const { parameters_json_schema: parameters, ...more } = declaration;
  return { ...more, parameters };
}
