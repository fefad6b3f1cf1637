const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** What comes from outside, for a page: up to six times as long. */
export function escaped(text: string): string {
  // Control characters, and those that turn the direction of text, are shown as what they are.
  return text
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
    .replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) =>
      character === "\n" || character === "\t"
        ? character
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}

/** Agents write texts and names of up to 60,000 characters. */
const MAX_SHOWN_CHARS = 1_000;

export function shortened(text: string): string {
  if (text.length <= MAX_SHOWN_CHARS) return text;
  const shown = text.slice(0, MAX_SHOWN_CHARS).replace(/[\ud800-\udbff]$/, "");
  return `${shown} … and ${count(text.length - shown.length)} more characters, which are in the entries`;
}

/** A copy for keeping: a part of a long text would keep all of it in memory. */
export function detached(text: string): string {
  return Buffer.from(text).toString();
}

/** 1234567 as 1,234,567, whatever the machine's language. */
export function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
