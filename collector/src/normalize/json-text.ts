/**
 * The elements of a JSON array, each as its text was sent, or null when `text` is not a JSON array.
 * Exact text is kept so that a prompt can be shown, hashed and compared as the model saw it.
 */
export function jsonArrayElements(text: string): string[] | null {
  if (!isJsonArray(text)) return null;
  const elements: string[] = [];
  let depth = 0;
  let start = text.indexOf("[") + 1;
  for (let i = start - 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = endOfString(text, i);
    else if (char === OPEN_ARRAY || char === OPEN_OBJECT) depth++;
    else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) {
      if (--depth > 0) continue;
      const last = text.slice(start, i).trim();
      if (last !== "") elements.push(last);
      return elements;
    } else if (char === COMMA && depth === 1) {
      elements.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return elements;
}

const [QUOTE, BACKSLASH, COMMA, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [34, 92, 44, 91, 93, 123, 125];

function isJsonArray(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false; // the caller keeps the text as it is
  }
}

function endOfString(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === BACKSLASH) i++;
    else if (char === QUOTE) return i;
  }
  return text.length;
}

/** A value as JSON text: text that is JSON already stays as it is, other text becomes a JSON string. */
export function jsonTextOf(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return isJson(value) ? value : JSON.stringify(value);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The elements of a value that should be a JSON array: structured, or as text. What is none becomes one element. */
export function jsonElementsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map((item) => jsonTextOf(item));
  if (typeof value === "string") return jsonArrayElements(value) ?? [jsonTextOf(value)];
  return [JSON.stringify(value)];
}
