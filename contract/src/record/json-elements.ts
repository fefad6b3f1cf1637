const [QUOTE, BACKSLASH, COMMA, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [34, 92, 44, 91, 93, 123, 125];

/**
 * The elements of what stands between an array's brackets, each exactly as its text is, spaces around it included; [] for "".
 * The array is known to be JSON.
 */
export function jsonElements(inner: string): string[] {
  return elementsOfArray(inner) ?? [];
}

/** As `jsonElements`; null when the array that the text is the beginning of ends before the text does. */
export function elementsOfArray(inner: string): string[] | null {
  if (inner === "") return [];
  const elements: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < inner.length; at++) {
    const char = inner.charCodeAt(at);
    if (char === QUOTE) at = endOfString(inner, at);
    else if (char === OPEN_ARRAY || char === OPEN_OBJECT) depth++;
    else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) {
      if (--depth < 0) return null;
    } else if (char === COMMA && depth === 0) {
      elements.push(inner.slice(begin, at));
      begin = at + 1;
    }
  }
  elements.push(inner.slice(begin));
  return elements;
}

/** Searched for: most of a text is within its strings. */
function endOfString(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}
