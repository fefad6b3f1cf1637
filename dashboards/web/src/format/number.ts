const grouped = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const UNKNOWN = "—";

/** 12,345 */
export function count(value: number | null): string {
  return value === null ? UNKNOWN : grouped.format(value);
}

const exact = new Intl.NumberFormat("en-US", { maximumFractionDigits: 9 });

/** 1,234.5 */
export function decimal(value: number): string {
  return exact.format(value);
}

/** 12.3K from ten thousand on; exact below. */
export function shortCount(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value < 10_000 ? grouped.format(value) : compact.format(value);
}

/** Decimal USD as the API writes it, to a readable number of places: $12.34, $0.0123, <$0.0001. */
export function usd(value: string | null): string {
  if (value === null) return UNKNOWN;
  const amount = Number(value);
  if (amount === 0) return "$0";
  if (amount < 0.0001) return "<$0.0001";
  if (amount < 1) return `$${amount.toFixed(4)}`;
  return `$${amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** The exact decimal, without trailing zeros. */
export function exactUsd(value: string): string {
  return `$${value.includes(".") ? value.replace(/\.?0+$/, "") : value}`;
}

export function percent(value: number | null): string {
  return value === null ? UNKNOWN : `${(value * 100).toFixed(1)}%`;
}

export function bytes(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (value < 1024) return `${value} B`;
  if (value < 1024 * 1024) return `${(value / 1024).toFixed(1)} KiB`;
  return `${(value / 1024 / 1024).toFixed(1)} MiB`;
}

/** Why a sum is without some calls; null when it is without none. */
export function callsWithout(what: string, missing: number): string | null {
  return missing === 0 ? null : `${plural(missing, "call")} without ${what}`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${grouped.format(value)} ${value === 1 ? one : many}`;
}
