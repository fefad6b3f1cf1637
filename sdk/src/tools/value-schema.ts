import { z } from "zod";
import { type Checked, type JsonSchema, jsonSchemaCheck } from "./json-schema.ts";

/** What a tool takes or gives: checks values, and tells models what is wanted. */
export interface ValueSchema<Value> {
  /** The value, or each fault of it in words that a model can mend it by. */
  check(value: unknown): Promise<Checked<Value>>;
  readonly zod: z.ZodType<Value>;
  /** Undefined for a zod schema that JSON Schema has no words for. */
  readonly jsonSchema: JsonSchema | undefined;
}

export function valueSchema<Value>(given: z.ZodType<Value> | JsonSchema): ValueSchema<Value> {
  if (!isZod(given)) {
    const { zod, check } = jsonSchemaCheck<Value>(given);
    return { zod, check: async (value) => check(value), jsonSchema: given };
  }
  return {
    async check(value) {
      const parsed = await given.safeParseAsync(value);
      return parsed.success ? { value: parsed.data } : { faults: z.prettifyError(parsed.error) };
    },
    zod: given,
    jsonSchema: jsonSchemaOf(given),
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
