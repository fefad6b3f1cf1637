import { isMembers } from "./chat-message.ts";

/** The members of a JSON object, null for any other text. */
export function jsonObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : null;
  } catch {
    return null; // kept as it came
  }
}
