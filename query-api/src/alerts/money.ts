const DIGITS = 9;
const NANOS_PER_USD = 10n ** BigInt(DIGITS);
const MS_PER_MINUTE = 60_000n;
/** A run that has just begun burns what it burns per second, and not without end. */
const MIN_DURATION_MS = 1_000n;

/** Whole 1e-9 USD of a decimal text. */
export function nanosOfUsd(usd: string): bigint {
  const [whole = "0", fraction = ""] = usd.split(".");
  return BigInt(whole) * NANOS_PER_USD + BigInt(fraction.padEnd(DIGITS, "0").slice(0, DIGITS));
}

/** What is burnt a minute, decimal USD rounded down to 1e-9. */
export function usdPerMinute(usd: string, durationMs: number): string {
  const duration = BigInt(Math.round(durationMs));
  const nanos = (nanosOfUsd(usd) * MS_PER_MINUTE) / (duration > MIN_DURATION_MS ? duration : MIN_DURATION_MS);
  const text = nanos.toString().padStart(DIGITS + 1, "0");
  const fraction = text.slice(-DIGITS).replace(/0+$/, "");
  return fraction === "" ? text.slice(0, -DIGITS) : `${text.slice(0, -DIGITS)}.${fraction}`;
}
