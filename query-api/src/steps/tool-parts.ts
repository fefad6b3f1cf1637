import { createHash } from "node:crypto";
import { canonicalJson, rowName, type Step } from "@runledger/contract";
import { parseExactly } from "./exact-json.ts";

/** Which part of a call's messages is looked for: what asked for a tool, in a response, or the result that the model was given, in its messages. */
export interface ToolPick {
  of: "request" | "result";
  /** Names and ids as rows have them. */
  tool: Pick<NonNullable<Step["tool"]>, "name" | "call_id" | "arguments_sha256" | "result_sha256">;
}

type Tool = ToolPick["tool"];
type Part = Record<string, unknown>;

/** JSON of the arguments, or of the result, in the JSON of a response or of messages, digit by digit; `null` where they are not in it. */
export function pickedJson(json: string, { of, tool }: ToolPick): string {
  const messages = parseExactly(json);
  if (of === "request") return JSON.stringify(requestOf(messages, tool)?.["arguments"] ?? null);
  const part = resultOf(messages, tool);
  return JSON.stringify(part?.["response"] ?? part?.["result"] ?? null);
}

/** By its id; without one, by the hash of its arguments: a model may ask for a tool several times at once. */
function requestOf(response: unknown, tool: Tool): Part | undefined {
  const asked = partsOf(response, "tool_call").filter((part) =>
    tool.call_id === null ? isNamed(part["name"], tool.name) : isNamed(part["id"], tool.call_id),
  );
  return asked.find((part) => hashOf(part["arguments"]) === tool.arguments_sha256) ?? asked.at(-1);
}

/** The last one of that id, or without any of that name and content: earlier ones belong to earlier calls. */
function resultOf(messages: unknown, tool: Tool): Part | undefined {
  const given = partsOf(messages, "tool_call_response");
  const { call_id: callId } = tool;
  if (callId !== null) return given.findLast((part) => isNamed(part["id"], callId));
  const named = given.filter(({ id, name }) => isNamed(name, tool.name) && (id ?? "") === "");
  return named.findLast((part) => isResult(part, tool.result_sha256)) ?? named.at(-1);
}

function isNamed(name: unknown, inRow: string): boolean {
  return typeof name === "string" && (name === inRow || rowName(name) === inRow);
}

/** As the collector hashes results: their JSON text, which text may be already. */
function isResult({ response, result }: Part, sha256: string | null): boolean {
  const value = response ?? result ?? null;
  const texts = [JSON.stringify(asNumbers(value)), ...(typeof value === "string" ? [value] : [])];
  return texts.some((text) => createHash("sha256").update(text).digest("hex") === sha256);
}

/** As JavaScript has them, of what says numbers as they were written. */
function asNumbers(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** As the collector hashes arguments: their RFC 8785 text, which has numbers as JavaScript does, or the text itself. */
function hashOf(args: unknown): string | null {
  if (args === undefined || args === null) return null;
  try {
    return createHash("sha256")
      .update(canonicalJson(asNumbers(args)))
      .digest("hex");
  } catch {
    return null; // half a surrogate pair: then the last request of that name is shown
  }
}

function partsOf(messages: unknown, type: string): Part[] {
  return listOf(messages)
    .flatMap((message) => (isObject(message) ? listOf(message["parts"]) : []))
    .filter(isObject)
    .filter((part) => part["type"] === type);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
