/** ClickHouse refuses a parameter of more than 128 KiB (`http_max_field_value_size`), however it is sent. */
const MAX_LIST_BYTES = 100_000;
/** Two quotes and a comma. */
const BYTES_BESIDE_TEXT = 3;

/** Texts in lists that fit a query parameter each, in order: at most `maxItems` together. A text that alone is too long is alone. */
export function* parameterLists(texts: Iterable<string>, maxItems = Number.POSITIVE_INFINITY): Generator<string[]> {
  let list: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    // Quotes and backslashes take two bytes each.
    const textBytes = Buffer.byteLength(text.replaceAll(/['\\]/g, "''")) + BYTES_BESIDE_TEXT;
    if (list.length > 0 && (bytes + textBytes > MAX_LIST_BYTES || list.length >= maxItems)) {
      yield list;
      [list, bytes] = [[], 0];
    }
    list.push(text);
    bytes += textBytes;
  }
  if (list.length > 0) yield list;
}
