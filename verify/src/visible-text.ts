/**
 * What is not seen, or moves what is: controls, halves of a pair, separators of lines and paragraphs, and what Unicode says to show nothing for
 * (Default_Ignorable_Code_Point: spaces of no width, marks of direction, tags, fillers) with the marks of annotations.
 */
const INVISIBLE = `\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200c\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}`;
/** A joiner between two of them, and the selector behind one, are part of how an emoji looks. */
const EMOJI = "\\u2190-\\u2bff\\u{1f000}-\\u{1faff}";
const UNSEEN = new RegExp(
  `[${INVISIBLE}]|(?<![${EMOJI}])\\ufe0f|(?<![${EMOJI}\\ufe0f])\\u200d|\\u200d(?![${EMOJI}])`,
  "gu",
);

/** A text of somebody else's, fit for a terminal and for one line: what would not be seen is written as `\u001b`. */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** The same of every text in a value of plain objects and arrays. */
export function withVisibleTexts<T>(value: T): T {
  return mapped(value) as T;
}

/** JSON with the same characters escaped; its own line ends stay. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSEEN, (character) =>
    character === "\n" ? character : escaped(character),
  );
}

function mapped(value: unknown): unknown {
  if (typeof value === "string") return visibleText(value);
  if (Array.isArray(value)) return value.map(mapped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapped(member)]));
}

/** As JSON does: one beyond U+FFFF is a pair. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }).join("");
}
