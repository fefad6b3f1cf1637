import { ROW_NAME_CHARS, ROW_TEXT_CHARS } from "@runledger/contract";

/** `rowName` makes no longer ones: 65 characters are its "…" and hash. */
const NAME_CHARS = ROW_NAME_CHARS + 65;

/** SQL of a column of names: rows of before names were made short may hold megabytes, and lists have no more of them than of rows of today. */
export function shortName(column: string): string {
  return beginningOf(column, NAME_CHARS);
}

/** The same of a column of texts. */
export function shortText(column: string): string {
  return beginningOf(column, ROW_TEXT_CHARS);
}

function beginningOf(column: string, chars: number): string {
  return `if(lengthUTF8(${column}) > ${chars}, concat(substringUTF8(${column}, 1, ${chars - 1}), '…'), ${column})`;
}
