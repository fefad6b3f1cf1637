import type { ModelRequest } from "./wire-format.ts";

/** Request fields as attributes: under the GenAI conventions' name where there is one, else as `<provider>.request.<field>`. */
export function parametersOf(
  fields: Record<string, unknown>,
  names: Readonly<Record<string, string>>,
  provider: string,
): ModelRequest["parameters"] {
  const parameters: ModelRequest["parameters"] = {};
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    const name = names[field] ?? `${provider}.request.${field}`;
    if (name === STOP) parameters[name] = Array.isArray(value) ? value.map(String) : [String(value)];
    else parameters[name] = isPlain(value) ? value : JSON.stringify(value);
  }
  return parameters;
}

const STOP = "gen_ai.request.stop_sequences";

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "string";
}
