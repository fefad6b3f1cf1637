/** Moves a terminal's cursor, clears its screen or turns text around: C0, DEL, C1, marks of direction, separators of lines, a BOM, halves of a pair. */
const INVISIBLE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** A text of somebody else's, fit for a terminal and for one line: what would not be seen is written as `\u001b`. */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, escaped);
}

/** The same of every text in a value of plain objects and arrays. */
export function withVisibleTexts<T>(value: T): T {
  return mapped(value) as T;
}

/** JSON with the same characters escaped; its own line ends stay. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(INVISIBLE, (character) =>
    character === "\n" ? character : escaped(character),
  );
}

function mapped(value: unknown): unknown {
  if (typeof value === "string") return visibleText(value);
  if (Array.isArray(value)) return value.map(mapped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapped(member)]));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
