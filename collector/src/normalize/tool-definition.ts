import { isMembers } from "./json-object.ts";

/** A tool as OpenAI or Anthropic is told of it, in the form of the GenAI conventions: `{type, name, description?, parameters?}`. */
export function toolDefinition(value: unknown): Record<string, unknown> {
  if (!isMembers(value)) return { type: "unknown", definition: value };
  const { function: fn, input_schema: schema, ...rest } = value;
  const named = isMembers(fn) ? { ...rest, ...fn } : rest;
  return { type: "function", ...named, ...(schema === undefined ? {} : { parameters: schema }) };
}
