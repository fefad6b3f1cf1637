import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import { z } from "zod";

/** JSON Schema, as model APIs take it. Source: https://json-schema.org/draft/2020-12 */
export type JsonSchema = { readonly [key: string]: unknown };
export type Checked<Value> = { value: Value } | { faults: string };

/** Keywords that only say that something within is wrong. */
const OUTER: ReadonlySet<string> = new Set(
  "properties patternProperties additionalProperties items prefixItems allOf anyOf oneOf $ref if then else".split(" "),
);

/**
 * Checks by all that the schema says. zod, which reads most of it, gives the defaults, better words for what is wrong, and the schema in the form
 * that some model clients take. A schema that can't be followed (a reference to nothing) lets nothing through. Never throws.
 */
export function jsonSchemaCheck<Value>(schema: JsonSchema): {
  zod: z.ZodType<Value>;
  check(value: unknown): Checked<Value>;
} {
  const read = readByZod<Value>(schema);
  let validator: Validator | undefined;

  /** Undefined: none. It is the value as JSON that is looked at. */
  function faultsOf(value: unknown): string | undefined {
    const text = jsonText(value);
    if (text === undefined) return "✖ Invalid input: no JSON";
    try {
      validator ??= new Validator(structuredClone(schema) as Schema, draftOf(schema), false);
      const { valid, errors } = validator.validate(JSON.parse(text));
      if (valid) return undefined;
      const inner = errors.filter(({ keyword }) => !OUTER.has(keyword));
      return (inner.length > 0 ? inner : errors).map(wordsOf).join("\n");
    } catch (error) {
      return `✖ the tool's schema can't be followed: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return {
    zod: read ?? described(schema),
    check(value) {
      const parsed = read?.safeParse(value);
      const faults = faultsOf(value);
      if (faults === undefined) return { value: parsed?.success ? parsed.data : (value as Value) };
      return { faults: parsed === undefined || parsed.success ? faults : z.prettifyError(parsed.error) };
    },
  };
}

function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function wordsOf({ error, instanceLocation }: OutputUnit): string {
  const at = instanceLocation.split("/").slice(1).join(".");
  return `✖ ${error}${at === "" ? "" : `\n  → at ${at}`}`;
}

function draftOf({ $schema }: JsonSchema) {
  const drafts = { "draft-04": "4", "draft-07": "7", "2019-09": "2019-09" } as const;
  for (const [name, draft] of Object.entries(drafts)) if (String($schema).includes(name)) return draft;
  return "2020-12" as const;
}

/** Undefined: it has words that zod has none for. */
function readByZod<Value>(schema: JsonSchema): z.ZodType<Value> | undefined {
  try {
    return z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema) as z.ZodType<Value>;
  } catch {
    return undefined;
  }
}

/** Takes anything, and is told to models as what it is. */
function described<Value>(schema: JsonSchema): z.ZodType<Value> {
  const any = z.any();
  any._zod.toJSONSchema = () => ({ ...schema });
  return any as z.ZodType<Value>;
}
