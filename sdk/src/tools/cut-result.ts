/** What stands for a result that was larger than its tool's `maxResultBytes`. The record has the whole. */
export interface CutResult {
  cut: true;
  /** UTF-8 bytes of the whole as JSON text, or as it is when it was a text. */
  total_bytes: number;
  /** For the model. */
  note: string;
  /** Its beginning. */
  beginning: string;
}

/** Undefined: it fits. @param text the result as the model would read it. */
export function cutResult(text: string | undefined, maxBytes: number | undefined): CutResult | undefined {
  if (text === undefined || maxBytes === undefined) return undefined;
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return undefined;
  const note = `The result was cut: these are the first ${maxBytes} of its ${bytes.length} bytes. Ask for less, or for another part.`;
  return { cut: true, total_bytes: bytes.length, note, beginning: wholeCharacters(bytes.subarray(0, maxBytes)) };
}

/** Without the half character that a cut may leave. */
function wholeCharacters(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes, { stream: true });
}
