/**
 * Looks at parsed JSON for what stands on each message of each call: there a schema costs more than all that is done with it, on the agent's
 * thread. What comes once a call, or from a file or a user, is a zod schema.
 */

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text, or not there. */
export function maybeText(value: unknown): value is string | null | undefined {
  return typeof value === "string" || value === null || value === undefined;
}

/** A list, or not there. */
export function maybeList(value: unknown): value is unknown[] | null | undefined {
  return Array.isArray(value) || value === null || value === undefined;
}
