import { type Counts, countRejected, countUndecodable, createCounts, isId, LATEST_UNIX_NANO } from "./faults.ts";
import type { AnyValue, Span, SpanFacts, TracesRequest } from "./otlp.ts";
import { unixNano } from "./otlp.ts";
import { tooMany } from "./protobuf-reader.ts";
import type { SentSpan } from "./sent-span.ts";

/** Why a span is not taken. Each is a label of the rejection counter. */
export type SpanFault =
  | "undecodable"
  | "trace_id"
  | "span_id"
  | "parent_id"
  | "start_time"
  | "end_time"
  | "negative_tokens";

/** For the sender. */
export const SPAN_FAULTS: Record<SpanFault, string> = {
  undecodable: "a field of the span can't be read",
  trace_id: "the trace id must be 16 bytes, not all zero",
  span_id: "the span id must be 8 bytes, not all zero",
  parent_id: "the parent span id must be empty or 8 bytes",
  start_time: "the start time must be set, in nanoseconds since 1970, before 2262",
  end_time: "the end time must be set, before 2262 and not more than an hour before the start",
  negative_tokens: "token counts (gen_ai.usage.*) must not be negative",
};

/** A clock that is set back while a span runs makes its end come before its start; more than this is no clock. */
const MAX_BACKWARD_NANOS = 3_600_000_000_000n;
const USAGE_PREFIX = "gen_ai.usage.";

/** Null for a span that can be recorded. Pure: receiving and integrating come to the same verdict on the same bytes. */
export function checkSpan(span: Span): SpanFault | null {
  if (!isId(span.traceId, 16)) return "trace_id";
  if (!isId(span.spanId, 8)) return "span_id";
  if (span.parentSpanId.length !== 0 && span.parentSpanId.length !== 8) return "parent_id";
  const fault = timeFault(span);
  if (fault !== null) return fault;
  for (const { key, value } of span.attributes) {
    if (value && key.startsWith(USAGE_PREFIX) && isNegative(value)) return "negative_tokens";
  }
  return null;
}

/** The same of the same span. */
export function checkSentSpan(span: SentSpan): SpanFault | null {
  if (!isHexId(span.traceId, 16)) return "trace_id";
  if (!isHexId(span.spanId, 8)) return "span_id";
  if (span.parentSpanId.length !== 0 && span.parentSpanId.length !== 16) return "parent_id";
  const fault = timeFault(span);
  if (fault !== null) return fault;
  const { keys, values } = span.attributes;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    if (typeof value === "string" || !isNegativeJson(value)) continue;
    if (keys[at]?.startsWith(USAGE_PREFIX)) return "negative_tokens";
  }
  return null;
}

function isHexId(id: string, bytes: number): boolean {
  return id.length === bytes * 2 && !ZEROS.startsWith(id);
}
const ZEROS = "0".repeat(32);

function timeFault(span: SpanFacts): SpanFault | null {
  const start = unixNano(span.startTimeUnixNano);
  if (start === 0n || start > LATEST_UNIX_NANO) return "start_time";
  const end = unixNano(span.endTimeUnixNano);
  if (end > LATEST_UNIX_NANO || (end < start && end + MAX_BACKWARD_NANOS < start)) return "end_time";
  return null;
}

/** Events and links of a request's spans. Two bytes can be one that takes 60 in the log, and is hashed, kept and shown. */
const MAX_EVENTS_AND_LINKS = 500_000;

/** Of a request that was not acknowledged yet. @throws OtlpError `too_large`. */
export function countSpans(request: TracesRequest): Counts {
  const counts = createCounts();
  let beside = 0;
  for (const { scopeSpans } of request.resourceSpans) {
    for (const { spans, undecodable = [] } of scopeSpans) {
      for (const span of spans) {
        beside += span.events.length + span.links.length;
        if (beside > MAX_EVENTS_AND_LINKS) throw tooMany(MAX_EVENTS_AND_LINKS, "events and links");
        const fault = checkSpan(span);
        if (fault === null) counts.accepted += 1;
        else countRejected(counts, fault, 1);
      }
      countUndecodable(counts, undecodable);
    }
  }
  return counts;
}

function isNegative(value: AnyValue): boolean {
  const number = value.intValue ?? value.doubleValue;
  return number !== null && number !== undefined && number < 0;
}

/** As `isNegative`, of what `jsonOfValue` made of the value. Of the sender's own objects (`createMembers`) none is a number. */
function isNegativeJson(value: unknown): boolean {
  if (typeof value === "number") return value < 0;
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const number = "int64" in value ? value.int64 : "double" in value ? value.double : null;
  return typeof number === "string" && number.startsWith("-");
}
