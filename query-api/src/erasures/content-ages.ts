import { statePath } from "@runledger/contract";
import { createStateDocument, monthEndMs, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";

const DAY_MS = 86_400_000;
/** Of a longer step forwards, no more than this is believed: a clock was set, or the machine was off. */
const MAX_STEP_DAYS = 31;
const STEADY_DAYS = 2;
/** Beyond so many such steps, what is left out of the oldest is counted after all. */
const MAX_GAPS = 100;

const agingMonth = z.strictObject({
  month: z.string(),
  /** The day, as they are counted, from which on it ages: it was over, and had got its last key. */
  from_day: z.number().int(),
  /** Of its rings: they grow when somebody seals into it. */
  bytes: z.number().int().nonnegative(),
  /** Its expiry is in the log. */
  recorded: z.boolean(),
});
export type AgingMonth = z.infer<typeof agingMonth>;
/** Days by the clock, from behind `from` up to `to`. */
const gap = z.strictObject({ from: z.number().int(), to: z.number().int() });
type Gap = z.infer<typeof gap>;
const document = z.strictObject({
  /** Day 0; null: nobody has looked yet. */
  first_time: z.iso.datetime().nullable(),
  /** By the clock: days since then at the last look, and at most ever. */
  wall_day: z.number().int(),
  last_wall_day: z.number().int(),
  /** So many of the last looks' steps were a day each, forwards: a clock that jumped has had the time to be set right. */
  steady_days: z.number().int().nonnegative(),
  /** Days by the clock that are not counted. */
  gaps: z.array(gap),
  months: z.array(agingMonth),
});
export type ContentAges = z.infer<typeof document>;

export interface Look {
  nowMs: number;
  /** Bytes of each month's rings. */
  sizes: ReadonlyMap<string, number>;
  /** Months that a version which did not count has recorded. */
  recorded: ReadonlySet<string>;
}

/**
 * How long months that are over lie here, counted day by day. Keys are destroyed for ever, so no single look at a clock is believed: one that ran ahead,
 * here, or behind, at a collector that sealed under a month long past, must not make content old.
 */
export function createContentAges(objects: Objects): StateDocument<ContentAges> {
  const nothing = { first_time: null, wall_day: 0, last_wall_day: 0, steady_days: 0, gaps: [], months: [] };
  return createStateDocument(objects, statePath("content-ages"), document, nothing);
}

/** The ages at a look; the very same when nothing changed. */
export function agedBy(before: ContentAges, look: Look): ContentAges {
  const counted = countedBy(before, look.nowMs);
  const months = monthsBy(before, nextDay(counted), look);
  const isSame = months.length === before.months.length && months.every((one, i) => one === before.months[i]);
  return isSame && counted === before ? before : { ...counted, months };
}

/** For so many days as they were counted. */
export function isAged(ages: ContentAges, { from_day }: AgingMonth, days: number): boolean {
  return dayAt(ages, ages.wall_day) - from_day >= days;
}

/** The first of the days may be short. */
export function isSteady({ steady_days }: ContentAges): boolean {
  return steady_days >= STEADY_DAYS;
}

/** From which day on something ages that begins to now. */
export function nextDay(ages: ContentAges): number {
  return dayAt(ages, ages.last_wall_day) + 1;
}

/** A function of the clock's day alone: however a clock jumps, back where it was it has counted what it would have without. */
function dayAt({ gaps }: Pick<ContentAges, "gaps">, wallDay: number): number {
  return gaps.reduce((day, { from, to }) => day - Math.max(0, Math.min(wallDay, to) - from), wallDay);
}

function countedBy(before: ContentAges, nowMs: number): ContentAges {
  const { first_time, wall_day, last_wall_day, steady_days, gaps } = before;
  if (first_time === null) return { ...before, first_time: new Date(nowMs).toISOString() };
  const now = Math.floor((nowMs - Date.parse(first_time)) / DAY_MS);
  if (now === wall_day) return before;
  const isDay = now === wall_day + 1;
  return {
    ...before,
    wall_day: now,
    last_wall_day: Math.max(last_wall_day, now),
    steady_days: isDay ? Math.min(STEADY_DAYS, steady_days + 1) : 0,
    gaps: isDay ? without(gaps, now) : withGap(gaps, { from: last_wall_day + MAX_STEP_DAYS, to: now }),
  };
}

/** A day that has gone by, look by look, counts. */
function without(gaps: Gap[], day: number): Gap[] {
  if (!gaps.some(({ from, to }) => from < day && day <= to)) return gaps;
  return gaps.flatMap((gap) =>
    [
      { from: gap.from, to: Math.min(gap.to, day - 1) },
      { from: Math.max(gap.from, day), to: gap.to },
    ].filter(({ from, to }) => from < to),
  );
}

function withGap(gaps: Gap[], gap: Gap): Gap[] {
  return gap.from < gap.to ? [...gaps, gap].slice(-MAX_GAPS) : gaps;
}

function monthsBy({ first_time, months }: ContentAges, fromDay: number, look: Look): AgingMonth[] {
  const known = new Map(months.map((one) => [one.month, one]));
  return [...look.sizes].flatMap(([month, bytes]): AgingMonth[] => {
    const found = known.get(month);
    if (found !== undefined) {
      if (bytes > found.bytes) return [{ month, bytes, from_day: fromDay, recorded: false }];
      return [bytes === found.bytes ? found : { ...found, bytes }];
    }
    const overDays = Math.floor((look.nowMs - monthEndMs(month)) / DAY_MS);
    if (overDays < 0) return [];
    if (first_time !== null) return [{ month, bytes, from_day: fromDay, recorded: false }];
    // Of before anybody counted: the clock is taken at its word, after steady days.
    return [{ month, bytes, from_day: -overDays, recorded: look.recorded.has(month) }];
  });
}
