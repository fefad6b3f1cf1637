const DIGITS = 16;
const [ZERO, NINE] = [48, 57];
/** Where a value may stand. */
const AS_VALUE = /[:[,]\s*-?\d{16}/;

/** Sixteen digits in a row, which JavaScript may not be able to hold as a number: what was sent must stay beside what was read. */
export function hasLongNumber(text: string): boolean {
  // of any such row one digit is at a place that is looked at: far less than a search would read
  for (let at = DIGITS - 1; at < text.length; at += DIGITS)
    if (isDigit(text.charCodeAt(at)) && digitsAround(text, at) >= DIGITS) return true;
  return false;
}

/** The same as a value of a JSON text, or what looks like one. */
export function hasLongValue(text: string): boolean {
  return hasLongNumber(text) && AS_VALUE.test(text);
}

function digitsAround(text: string, at: number): number {
  let begin = at;
  while (isDigit(text.charCodeAt(begin - 1))) begin -= 1;
  let end = at + 1;
  while (isDigit(text.charCodeAt(end))) end += 1;
  return end - begin;
}

function isDigit(charCode: number): boolean {
  return charCode >= ZERO && charCode <= NINE;
}
