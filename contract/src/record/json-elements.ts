const [QUOTE, BACKSLASH, COMMA, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [34, 92, 44, 91, 93, 123, 125];

/**
 * The elements of what stands between an array's brackets, each exactly as its text is, spaces around it included; [] for "".
 * The array is known to be JSON.
 */
export function jsonElements(inner: string): string[] {
  const elements: string[] = [];
  return eachElement(inner, (element) => elements.push(element)) ? elements : [];
}

/** How many elements what stands between an array's brackets has, which need not be JSON; null where it is not, or they are too many. Keeps none, unless in `into`. */
export function checkedElements(inner: string, into?: string[]): number | null {
  let count = 0;
  const isArray = eachElement(inner, (element) => {
    if (!isJson(element) || ++count > MAX_ELEMENTS) return false;
    into?.push(element);
    return true;
  });
  return isArray ? count : null;
}

/** More than a request can hold. */
const MAX_ELEMENTS = 2 ** 25;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** False where the array that the text is the beginning of ends before the text does, or `visit` says so. */
function eachElement(inner: string, visit: (element: string) => unknown): boolean {
  if (inner === "") return true;
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < inner.length; at++) {
    const char = inner.charCodeAt(at);
    if (char === QUOTE) at = endOfString(inner, at);
    else if (char === OPEN_ARRAY || char === OPEN_OBJECT) depth++;
    else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) {
      if (--depth < 0) return false;
    } else if (char === COMMA && depth === 0) {
      if (visit(inner.slice(begin, at)) === false) return false;
      begin = at + 1;
    }
  }
  return visit(inner.slice(begin)) !== false;
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
