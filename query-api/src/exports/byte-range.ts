export interface ByteRange {
  first: number;
  /** Included. */
  last: number;
  isPart: boolean;
}

/** The one range of a `Range` header (RFC 9110, 14.2); the whole file for none or another unit, null when nothing of it is there. */
export function byteRange(header: string | undefined, size: number): ByteRange | null {
  const whole = { first: 0, last: size - 1, isPart: false };
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (from === "" && to === "") return whole;
  const first = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return first > last ? null : { first, last, isPart: true };
}
