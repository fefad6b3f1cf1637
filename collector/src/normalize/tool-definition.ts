import { copiedBeside, isMembers } from "./json-object.ts";

/** A tool as OpenAI or Anthropic is told of it, in the form of the GenAI conventions: `{type, name, description?, parameters?}`. */
export function toolDefinition(value: unknown): Record<string, unknown> {
  if (!isMembers(value)) return { type: "unknown", definition: value };
  const { function: named, input_schema: schema } = value;
  const made = copiedBeside({ type: "function" }, value, DEFINITION_KEYS);
  if (isMembers(named)) copiedBeside(made, named, NONE);
  if (schema !== undefined) made["parameters"] = schema;
  return made;
}

const DEFINITION_KEYS = ["function", "input_schema"];
const NONE: readonly string[] = [];
