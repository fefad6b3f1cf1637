/** What a text of `KEPT_MEDIA_TYPE` says: its JSON, or where it is none the text itself. */
export function keptValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
