const NANOS_PER_MS = 1_000_000n;
/** 9999-12-31T23:59:59.999999999Z: beyond it RFC 3339 has no year. */
export const MAX_UNIX_NANO = 253402300799999999999n;

/** RFC 3339 in UTC with nine digits of nanoseconds. @throws RangeError outside 1970 … 9999. */
export function rfc3339FromUnixNano(unixNano: bigint): string {
  if (unixNano < 0n || unixNano > MAX_UNIX_NANO) throw new RangeError(`no RFC 3339 time for ${unixNano} ns`);
  const ms = Number(unixNano / NANOS_PER_MS);
  const rest = Number(unixNano % NANOS_PER_MS) + 1_000_000; // a 1 before six digits
  return `${new Date(ms).toISOString().slice(0, -1)}${String(rest).slice(1)}Z`;
}

/** Nanoseconds since the epoch of an RFC 3339 UTC time. @throws RangeError when it is none. */
export function unixNanoFromRfc3339(time: string): bigint {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(time);
  const ms = match ? Date.parse(`${match[1]}Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw new RangeError(`not an RFC 3339 UTC time: ${time}`);
  return BigInt(ms) * NANOS_PER_MS + BigInt((match?.[2] ?? "").padEnd(9, "0"));
}
