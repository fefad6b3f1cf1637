/** What DateTime64(9) holds; no record lies outside, so a time beyond compares as its nearer end does. */
const EARLIEST_NS = BigInt(Date.UTC(1900, 0, 1)) * 1_000_000n;
const LATEST_NS = BigInt(Date.UTC(2262, 3, 11, 23, 47, 16)) * 1_000_000n;

/**
 * Nanoseconds since the epoch, as decimal text, of an RFC 3339 time that zod has passed; any offset, any digits up to nine.
 * Times before 1900 or after 2262-04-11 come out as those.
 */
export function unixNanoOf(time: string): string {
  const [, seconds = "", fraction = "", offset = "Z"] = /^([^.Z+]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  const ms = BigInt(Date.parse(`${seconds}${offset}`));
  const ns = ms * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  if (ns < EARLIEST_NS) return EARLIEST_NS.toString();
  return (ns > LATEST_NS ? LATEST_NS : ns).toString();
}
