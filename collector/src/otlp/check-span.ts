import type { AnyValue, Span, TracesRequest } from "./otlp.ts";
import { unixNano } from "./otlp.ts";

/** Why a span is not taken. Each is a label of the rejection counter. */
export type SpanFault =
  | "undecodable"
  | "trace_id"
  | "span_id"
  | "parent_id"
  | "start_time"
  | "end_time"
  | "negative_tokens";

const WHAT_TO_DO: Record<SpanFault, string> = {
  undecodable: "a field of the span can't be read",
  trace_id: "the trace id must be 16 bytes, not all zero",
  span_id: "the span id must be 8 bytes, not all zero",
  parent_id: "the parent span id must be empty or 8 bytes",
  start_time: "the start time must be set, in nanoseconds since 1970, before 2262",
  end_time: "the end time must be set, before 2262 and not more than an hour before the start",
  negative_tokens: "token counts (gen_ai.usage.*) must not be negative",
};

/** The latest time that ClickHouse's DateTime64(9) holds: 2262-04-11. */
const MAX_UNIX_NANO = 2n ** 63n - 1n;
/** A clock that is set back while a span runs makes its end come before its start; more than this is no clock. */
const MAX_BACKWARD_NANOS = 3_600_000_000_000n;
const USAGE_PREFIX = "gen_ai.usage.";

/** Null for a span that can be recorded. Pure: receiving and integrating come to the same verdict on the same bytes. */
export function checkSpan(span: Span): SpanFault | null {
  if (!isId(span.traceId, 16)) return "trace_id";
  if (!isId(span.spanId, 8)) return "span_id";
  if (span.parentSpanId.length !== 0 && span.parentSpanId.length !== 8) return "parent_id";
  const start = unixNano(span.startTimeUnixNano);
  if (start === 0n || start > MAX_UNIX_NANO) return "start_time";
  const end = unixNano(span.endTimeUnixNano);
  if (end > MAX_UNIX_NANO || end + MAX_BACKWARD_NANOS < start) return "end_time";
  for (const { key, value } of span.attributes) {
    if (value && key.startsWith(USAGE_PREFIX) && isNegative(value)) return "negative_tokens";
  }
  return null;
}

/** What became of the spans of a request. */
export interface SpanCounts {
  accepted: number;
  rejected: Map<SpanFault, number>;
  /** Why the first undecodable span is one. */
  undecodable: string | null;
}

export function countSpans(request: TracesRequest): SpanCounts {
  const counts: SpanCounts = { accepted: 0, rejected: new Map(), undecodable: null };
  const reject = (fault: SpanFault, count: number) =>
    counts.rejected.set(fault, (counts.rejected.get(fault) ?? 0) + count);
  for (const { scopeSpans } of request.resourceSpans) {
    for (const { spans, undecodable = [] } of scopeSpans) {
      for (const span of spans) {
        const fault = checkSpan(span);
        if (fault === null) counts.accepted += 1;
        else reject(fault, 1);
      }
      if (undecodable.length > 0) reject("undecodable", undecodable.length);
      counts.undecodable ??= undecodable[0] ?? null;
    }
  }
  return counts;
}

/** For the sender: how many spans were not taken, why, and what to do. */
export function describeFaults({ rejected, undecodable }: SpanCounts): string {
  const whatToDo = (fault: SpanFault) => (fault === "undecodable" && undecodable) || WHAT_TO_DO[fault];
  return [...rejected].map(([fault, count]) => `${count} rejected (${fault}): ${whatToDo(fault)}`).join("; ");
}

function isId(id: Uint8Array, length: number): boolean {
  if (id.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (id[index] !== 0) return true;
  return false;
}

function isNegative(value: AnyValue): boolean {
  const number = value.intValue ?? value.doubleValue;
  return number !== null && number !== undefined && number < 0;
}
