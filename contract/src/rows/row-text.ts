import { createHash } from "node:crypto";

/** What somebody wrote (an error's message, the reason of an end) is in a row with so many UTF-16 units at most; the log has the whole. */
export const ROW_TEXT_CHARS = 4_096;
/** What somebody named (a run's user, a tool, a model, …): up to so many it is in the row as it is. */
export const ROW_NAME_CHARS = 1_024;

const CUT = "…";
const SHORTENED = /^.{1023,1024}…[0-9a-f]{64}$/s;

/** A text as a row has it: of a longer one the beginning, which then ends in "…". */
export function rowText(text: string, maxChars = ROW_TEXT_CHARS): string {
  return text.length <= maxChars ? text : `${beginning(text, maxChars - 1)}${CUT}`;
}

/**
 * A name as a row has it: of a longer one the beginning, "…" and its SHA-256, so that two names are two in rows as well, and who asks for one, by its whole
 * or as it is shown, finds it. Of what is shortened already, the same.
 */
export function rowName(name: string): string {
  if (name.length <= ROW_NAME_CHARS || isShortened(name)) return name;
  return `${beginning(name, ROW_NAME_CHARS)}${CUT}${createHash("sha256").update(name).digest("hex")}`;
}

/** Whether it is how a row has a longer name. */
export function isShortened(name: string): boolean {
  return SHORTENED.test(name);
}

/** The whole of what a row shows the beginning of; what the row has otherwise (an erased message: nothing) stays. */
export function uncut(shown: string, whole: string | null | undefined): string {
  if (whole == null) return shown;
  const isCut = shown.endsWith(CUT) && whole.startsWith(shown.slice(0, -CUT.length));
  return isCut || shown === rowName(whole) ? whole : shown;
}

/** Never half a surrogate pair. */
function beginning(text: string, chars: number): string {
  const last = text.charCodeAt(chars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? chars - 1 : chars);
}
