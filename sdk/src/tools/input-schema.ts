import { z } from "zod";
import { ToolError } from "./tool-error.ts";

/** JSON Schema, as model APIs take it. */
export type JsonSchema = { readonly [key: string]: unknown };

/** What a tool takes: checks arguments, and tells models what it wants. */
export interface InputSchema<Input> {
  /** @throws ToolError `invalid_arguments`, its message says each fault. */
  parse(args: unknown): Promise<Input>;
  /** Undefined for a zod schema that JSON Schema has no words for. */
  readonly jsonSchema: JsonSchema | undefined;
}

/** @throws Error when the JSON Schema is none; that is the tool's author's to know at once. */
export function inputSchema<Input>(tool: string, input: z.ZodType<Input> | JsonSchema): InputSchema<Input> {
  const schema = isZod(input) ? input : (z.fromJSONSchema(input as z.core.JSONSchema.JSONSchema) as z.ZodType<Input>);
  return {
    async parse(args) {
      const parsed = await schema.safeParseAsync(typeof args === "string" ? jsonOf(tool, args) : args);
      if (parsed.success) return parsed.data;
      throw new ToolError(tool, "invalid_arguments", `invalid arguments for ${tool}\n${z.prettifyError(parsed.error)}`);
    },
    jsonSchema: isZod(input) ? jsonSchemaOf(input) : input,
  };
}

/** By what it can do: the caller's zod may be another copy than ours. */
function isZod<Input>(input: z.ZodType<Input> | JsonSchema): input is z.ZodType<Input> {
  return "safeParseAsync" in input && typeof input["safeParseAsync"] === "function";
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema | undefined {
  try {
    return z.toJSONSchema(schema, { io: "input" });
  } catch {
    return undefined; // dates, transforms and the like: still checked, but the model is told nothing
  }
}

function jsonOf(tool: string, text: string): unknown {
  try {
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    throw new ToolError(tool, "invalid_arguments", `invalid arguments for ${tool}: not JSON`);
  }
}
