import { z } from "zod";

/** JSON Schema, as model APIs take it. */
export type JsonSchema = { readonly [key: string]: unknown };

/** What a tool takes or gives: checks values, and tells models what is wanted. */
export interface ValueSchema<Value> {
  /** The value, or each fault of it in words that a model can mend it by. */
  check(value: unknown): Promise<{ value: Value } | { faults: string }>;
  readonly zod: z.ZodType<Value>;
  /** Undefined for a zod schema that JSON Schema has no words for. */
  readonly jsonSchema: JsonSchema | undefined;
}

/** @throws Error when the JSON Schema is none; that is the tool's author's to know at once. */
export function valueSchema<Value>(given: z.ZodType<Value> | JsonSchema): ValueSchema<Value> {
  const schema = isZod(given) ? given : (z.fromJSONSchema(given as z.core.JSONSchema.JSONSchema) as z.ZodType<Value>);
  return {
    async check(value) {
      const parsed = await schema.safeParseAsync(value);
      return parsed.success ? { value: parsed.data } : { faults: z.prettifyError(parsed.error) };
    },
    zod: schema,
    jsonSchema: isZod(given) ? jsonSchemaOf(given) : given,
  };
}

/** By what it can do: the caller's zod may be another copy than ours. */
function isZod<Value>(given: z.ZodType<Value> | JsonSchema): given is z.ZodType<Value> {
  return "safeParseAsync" in given && typeof given["safeParseAsync"] === "function";
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema | undefined {
  try {
    return z.toJSONSchema(schema, { io: "input" });
  } catch {
    return undefined; // dates, transforms and the like: still checked, but the model is told nothing
  }
}
