import { compare, type Span } from "./step-fact.ts";

/** Instrumentations around one another begin and end with the call, but for what clients do before they send it. */
export const AT_ONCE_MS = 100;
/** Of one process's clock; OpenTelemetry for JavaScript cuts beginnings to milliseconds. */
const CLOCK_MS = 3;

/** The one begins and ends a moment before and after the other: by clocks of one process. */
export function areAtOnce(a: Span, b: Span): boolean {
  const begins = Date.parse(a.start_time) - Date.parse(b.start_time);
  const ends = Date.parse(a.end_time) - Date.parse(b.end_time);
  const isAround = (first: number, last: number) => first <= CLOCK_MS && last >= -CLOCK_MS;
  const isNested = isAround(begins, ends) || isAround(-begins, -ends);
  return isNested && Math.abs(begins) <= AT_ONCE_MS && Math.abs(ends) <= AT_ONCE_MS;
}

/** In which its beginning is: what is at once with it began in the same one or in one next to it. */
export function momentOf({ start_time }: Pick<Span, "start_time">): number {
  return Math.trunc(Date.parse(start_time) / AT_ONCE_MS);
}

export function momentsAround(moment: number): number[] {
  return [moment - 1, moment, moment + 1];
}

/** Those that are at once with one another, directly or by way of others. */
export function groupsAtOnce<Call extends Span>(calls: readonly Call[]): Call[][] {
  const ordered = calls.toSorted((a, b) => compare(a.start_time, b.start_time));
  const groupOf = new Map<Call, Call[]>();
  for (const [n, call] of ordered.entries()) {
    let group = [call];
    for (let before = n - 1; before >= 0; before--) {
      const other = ordered[before] as Call;
      if (Date.parse(call.start_time) - Date.parse(other.start_time) > AT_ONCE_MS) break;
      const others = groupOf.get(other) ?? [];
      if (group !== others && areAtOnce(other, call)) group = joined(group, others, groupOf);
    }
    for (const one of group.length === 1 ? group : []) groupOf.set(one, group);
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
