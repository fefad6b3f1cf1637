import { UNKNOWN } from "./number.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const exact = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  timeZoneName: "short",
});

/** RFC 3339 to milliseconds since the epoch, the nanoseconds as a fraction. */
export function epochMs(time: string): number {
  const digits = /\.(\d{1,9})/.exec(time)?.[1] ?? "";
  const whole = Date.parse(time.replace(/\.\d+/, ""));
  return whole + Number(`0.${digits || 0}`) * SECOND_MS;
}

/** 840 ms, 12.4 s, 3 m 05 s, 2 h 10 m, 4 d 02 h; a dash for what is not known. */
export function duration(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  if (ms < 1) return ms === 0 ? "0 ms" : "<1 ms";
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND_MS) return `${(ms / SECOND_MS).toFixed(2)} s`;
  if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
  const [big, bigUnit, small, smallUnit] =
    ms < HOUR_MS
      ? [ms / MINUTE_MS, "m", (ms % MINUTE_MS) / SECOND_MS, "s"]
      : ms < DAY_MS
        ? [ms / HOUR_MS, "h", (ms % HOUR_MS) / MINUTE_MS, "m"]
        : [ms / DAY_MS, "d", (ms % DAY_MS) / HOUR_MS, "h"];
  return `${Math.floor(big)} ${bigUnit} ${String(Math.floor(small)).padStart(2, "0")} ${smallUnit}`;
}

/** just now, 12 s ago, 4 m ago, 3 h ago, 2 d ago */
export function ago(time: string, nowMs: number): string {
  const past = nowMs - epochMs(time);
  if (past < 2 * SECOND_MS) return past < -5 * SECOND_MS ? "in the future" : "just now";
  if (past < MINUTE_MS) return `${Math.floor(past / SECOND_MS)} s ago`;
  if (past < HOUR_MS) return `${Math.floor(past / MINUTE_MS)} m ago`;
  if (past < DAY_MS) return `${Math.floor(past / HOUR_MS)} h ago`;
  return `${Math.floor(past / DAY_MS)} d ago`;
}

/** In the reader's time zone, to the millisecond. */
export function exactTime(time: string): string {
  return exact.format(epochMs(time));
}

/** An offset on the time axis: +1.204 s */
export function offset(ms: number): string {
  if (ms < MINUTE_MS) return `+${(ms / SECOND_MS).toFixed(3)} s`;
  return `+${duration(ms)}`;
}
