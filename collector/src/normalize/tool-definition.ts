import { copiedBeside, isMembers } from "./json-object.ts";
import type { TextMemo } from "./text-memo.ts";

/** The tools that were offered: as the content has them, and by their names. */
export interface Tools {
  text: string;
  names: string[];
}

/** Tools as OpenAI, Anthropic or the AI SDK is told of them, in the form of the GenAI conventions: `{type, name, description?, parameters?}`. */
export function toolsOffered(tools: readonly unknown[], memo: TextMemo): Tools {
  return memo.ofSame(tools, () => {
    const definitions = tools.map(toolDefinition);
    const names = definitions.flatMap(({ name }) => (typeof name === "string" ? [name] : []));
    return { text: JSON.stringify(definitions), names };
  });
}

export function toolDefinition(value: unknown): Record<string, unknown> {
  if (!isMembers(value)) return { type: "unknown", definition: value };
  const { function: named } = value;
  const schema = value["input_schema"] ?? value["inputSchema"];
  const made = copiedBeside({ type: "function" }, value, DEFINITION_KEYS);
  if (isMembers(named)) copiedBeside(made, named, NONE);
  if (schema !== undefined) made["parameters"] = schema;
  return made;
}

const DEFINITION_KEYS = ["function", "input_schema", "inputSchema"];
const NONE: readonly string[] = [];
