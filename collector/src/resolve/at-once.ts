import { compare, type Span } from "./step-fact.ts";

/** Instrumentations around one another begin and end with the call, but for what clients do before they send it. */
const AT_ONCE_MS = 100;
/** Of one process's clock; OpenTelemetry for JavaScript cuts beginnings to milliseconds. */
const CLOCK_MS = 3;
/** A busy process comes late to what follows an answer. */
const ENDS_APART_MS = 250;
/** Ends are looked for by moments of so many ms. */
export const MOMENT_MS = 100;
const MOMENTS_APART = Math.ceil(ENDS_APART_MS / MOMENT_MS);

/** By clocks of one process, the one is around the other: calls that follow one another are not. */
export function isAround(a: Span, b: Span): boolean {
  const holds = (outer: Span, inner: Span) =>
    apart(outer, inner, "start_time") <= CLOCK_MS && apart(outer, inner, "end_time") >= -CLOCK_MS;
  return holds(a, b) || holds(b, a);
}

/** Some moment is of both: of calls that follow one another none is. A clock that was set back meanwhile ends a call before it began. */
export function shareMoment(a: Span, b: Span): boolean {
  const [firstOfA, lastOfA] = inOrder(a);
  const [firstOfB, lastOfB] = inOrder(b);
  return firstOfA <= lastOfB && firstOfB <= lastOfA;
}

function inOrder({ start_time, end_time }: Span): [first: string, last: string] {
  return start_time <= end_time ? [start_time, end_time] : [end_time, start_time];
}

/** They begin and end at nearly one moment. */
export function areAtOnce(a: Span, b: Span): boolean {
  return Math.abs(apart(a, b, "start_time")) <= AT_ONCE_MS && Math.abs(apart(a, b, "end_time")) <= AT_ONCE_MS;
}

/** As all do that are at once, and one around calls that wait for others, or for attempts before them. */
export function endTogether(a: Span, b: Span): boolean {
  return Math.abs(apart(a, b, "end_time")) <= ENDS_APART_MS;
}

function apart(a: Span, b: Span, of: keyof Span): number {
  return Date.parse(a[of]) - Date.parse(b[of]);
}

/** In which its end is. */
export function momentOf({ end_time }: Pick<Span, "end_time">): number {
  return Math.trunc(Date.parse(end_time) / MOMENT_MS);
}

/** Those in which what ends together with it may have ended. */
export function momentsAround(moment: number): number[] {
  return Array.from({ length: 2 * MOMENTS_APART + 1 }, (_, n) => moment - MOMENTS_APART + n);
}

/** Those that end together and may be one, directly or by way of others. */
export function groupsTogether<Call extends Span>(
  calls: readonly Call[],
  mayBeOne: (a: Call, b: Call) => boolean,
): Call[][] {
  const ordered = calls.toSorted((a, b) => compare(a.end_time, b.end_time));
  const groupOf = new Map<Call, Call[]>();
  for (const [n, call] of ordered.entries()) {
    let group = [call];
    groupOf.set(call, group);
    for (let before = n - 1; before >= 0; before--) {
      const other = ordered[before] as Call;
      if (!endTogether(other, call)) break;
      const others = groupOf.get(other) ?? [other];
      if (group !== others && mayBeOne(other, call)) group = joined(group, others, groupOf);
    }
  }
  return [...new Set(groupOf.values())];
}

/** The larger one, with those of the other in it. */
export function joined<Item>(a: Item[], b: Item[], groupOf: Map<Item, Item[]>): Item[] {
  const [small, large] = a.length < b.length ? [a, b] : [b, a];
  large.push(...small);
  for (const moved of large) groupOf.set(moved, large);
  return large;
}
