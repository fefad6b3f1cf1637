/** Nanoseconds since the epoch, as decimal text, of an RFC 3339 time that zod has passed; any offset, any digits up to nine. */
export function unixNanoOf(time: string): string {
  const [, seconds = "", fraction = "", offset = "Z"] = /^([^.Z+]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  const ms = BigInt(Date.parse(`${seconds}${offset}`));
  return (ms * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"))).toString();
}
