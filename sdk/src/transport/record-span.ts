import type { Attributes, AttributeValue, HrTime, SpanContext, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

/** OpenTelemetry's numbers for them: loading its API for these would delay an agent's start. */
const INTERNAL: SpanKind.INTERNAL = 0;
const CLIENT: SpanKind.CLIENT = 2;
export const STATUS_ERROR: SpanStatusCode.ERROR = 2;

/** A record while it is made. */
export interface OpenSpan {
  spanContext(): SpanContext;
  isRecording(): boolean;
  setAttributes(attributes: Attributes): void;
  setStatus(status: ReadableSpan["status"]): void;
  /** @param endTime epoch milliseconds, with fractions. Gives its record id; undefined when none could be made. */
  end(endTime: number): string | undefined;
}

/** A record as it crosses to another thread: data alone. */
export interface SpanMessage {
  name: string;
  kind: SpanKind;
  context: SpanContext;
  parent: SpanContext | undefined;
  startTime: HrTime;
  endTime: HrTime;
  status: ReadableSpan["status"];
  attributes: Attributes;
}

/** What all records of a process have in common. */
export type SpanOrigin = Pick<ReadableSpan, "resource" | "instrumentationScope">;

/** Random bytes in hex. */
export type RandomId = (sizeBytes: number) => string;

export interface SpanMade {
  name: string;
  parent: SpanContext | undefined;
  /** Its own, where another process has begun it. */
  context?: SpanContext;
  /** Epoch milliseconds, with fractions. */
  startTime: number;
  client: boolean;
  attributes: Attributes;
}

/** A span made with no more work than a record needs; what OpenTelemetry's own adds (events, limits, sampling) we don't use. */
export function openSpan(
  made: SpanMade,
  {
    origin,
    randomId,
    onEnd,
  }: { origin: SpanOrigin; randomId: RandomId; onEnd: (span: ReadableSpan) => string | undefined },
): OpenSpan {
  const { name, parent } = made;
  const context = made.context ?? { traceId: parent?.traceId ?? randomId(16), spanId: randomId(8), traceFlags: 1 };
  const attributes: Attributes = {};
  let status: ReadableSpan["status"] = { code: 0 };
  let ended = false;
  const startTime = hrTime(made.startTime);
  const span: OpenSpan = {
    spanContext: () => context,
    isRecording: () => !ended,
    setAttributes(more) {
      for (const key in more) {
        const value = attributeValue(more[key]);
        if (value !== undefined) attributes[key] = value;
      }
    },
    setStatus(given) {
      status = given;
    },
    end(endTime) {
      ended = true;
      const kind = made.client ? CLIENT : INTERNAL;
      const end = hrTime(Math.max(endTime, made.startTime));
      return onEnd(readableSpan({ name, kind, context, parent, startTime, endTime: end, status, attributes }, origin));
    },
  };
  span.setAttributes(made.attributes);
  return span;
}

/** As the serializer of OpenTelemetry reads it. */
export function readableSpan(message: SpanMessage, origin: SpanOrigin): ReadableSpan {
  const { name, kind, context, parent, startTime, endTime, status, attributes } = message;
  return {
    name,
    kind,
    spanContext: () => context,
    ...(parent === undefined ? {} : { parentSpanContext: parent }),
    startTime,
    endTime,
    duration: [endTime[0] - startTime[0], endTime[1] - startTime[1]],
    status,
    attributes,
    links: [],
    events: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...origin,
  };
}

export function spanMessage(span: ReadableSpan): SpanMessage {
  const { name, kind, parentSpanContext: parent, startTime, endTime, status, attributes } = span;
  return { name, kind, context: span.spanContext(), parent, startTime, endTime, status, attributes };
}

function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000);
  return [seconds, Math.floor((epochMs - seconds * 1000) * 1e6)];
}

/** As OpenTelemetry has them: what else a caller gives is left out, as its own spans do. A list is copied, since its owner may change it. */
function attributeValue(value: unknown): AttributeValue | undefined {
  if (isPrimitive(value)) return value;
  if (typeof value !== "object" || value === null) return undefined;
  try {
    const items: unknown[] | undefined = Array.isArray(value) ? Array.from(value) : undefined;
    return items?.every(isPrimitive) ? (items as AttributeValue) : undefined;
  } catch {
    return undefined; // a proxy that lets nobody look
  }
}

function isPrimitive(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
