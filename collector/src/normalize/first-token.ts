import type { AttributeReader, SpanView } from "./span-view.ts";

/**
 * Milliseconds from a call's beginning to its first token, by the first of these attributes that tells a time within the call. Some send milliseconds as
 * seconds: what can't be is unknown, and stays an attribute.
 */
export function firstTokenAfter(
  span: SpanView,
  attributes: AttributeReader,
  keys: readonly string[],
  unitMs: number,
): number | null {
  for (const key of keys) {
    const told = span.attributes.get(key);
    if (typeof told === "number" && isWithin(told * unitMs, span)) return (attributes.number(key) ?? 0) * unitMs;
  }
  return null;
}

/** The same of a point in time. */
export function firstTokenAt(time: string, span: SpanView): number | null {
  const startMs = Date.parse(span.startTime);
  const ms = Date.parse(time) - startMs;
  return isWithin(ms, span, startMs) ? ms : null;
}

/** Times are compared by the millisecond. A log event tells of a call whose length it does not have: it begins when it ends. */
function isWithin(ms: number, { startTime, endTime }: SpanView, startMs = Date.parse(startTime)): boolean {
  if (!(ms >= 0 && Number.isFinite(ms))) return false;
  return startTime === endTime || !(ms > Date.parse(endTime) - startMs + 1);
}
