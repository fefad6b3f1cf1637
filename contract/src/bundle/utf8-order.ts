/** The order of UTF-8 bytes, which is that of code points; JavaScript's own is of UTF-16 units. */
export function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
