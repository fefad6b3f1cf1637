import { keptText } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import type { AttributeReader } from "./span-view.ts";

/** `input.value` and `output.value` as they are kept: what calls itself plain text is a text, though it may read as JSON. */
export function takeIo(attributes: AttributeReader, inputKey = "input.value"): Pick<Content, "input" | "output"> {
  const input = takeValue(attributes, inputKey, "input.mime_type");
  const output = takeValue(attributes, "output.value", "output.mime_type");
  if (input !== null) return output === null ? { input } : { input, output };
  return output === null ? {} : { output };
}

function takeValue(attributes: AttributeReader, key: string, mimeTypeKey: string): string | null {
  const value = attributes.value(key);
  if (value === null) return null;
  const isText = attributes.text(mimeTypeKey)?.startsWith("text/plain") ?? false;
  return isText ? JSON.stringify(value) : keptText(value, attributes.memo.parse);
}
