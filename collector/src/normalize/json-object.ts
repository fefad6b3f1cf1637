import { isMembers } from "./chat-message.ts";
import { parsedJson } from "./json-text.ts";

/** The members of a JSON object, null for any other text. */
export function jsonObject(text: string, parse = parsedJson): Record<string, unknown> | null {
  const value = parse(text);
  return isMembers(value) ? value : null;
}
