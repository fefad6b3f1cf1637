declare global {
  /** ES2026, "JSON.parse source text access". */
  interface JSON {
    parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
    rawJSON(text: string): unknown;
  }
}

/** What JSON says. A number that would be written otherwise than it is written there is its text (`JSON.rawJSON`): for who writes it again, not for who counts with it. */
export function parseExactly(json: string): unknown {
  return JSON.parse(json, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && source !== String(value) ? JSON.rawJSON(source) : value,
  );
}
