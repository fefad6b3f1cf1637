import type { Attributes, AttributeValue, SpanContext, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { RawModelCall } from "../conversion/raw-model-call.ts";
import type { RawRecord } from "../conversion/raw-record.ts";

/** OpenTelemetry's numbers for them: loading its API for these would delay an agent's start. */
const INTERNAL: SpanKind.INTERNAL = 0;
const CLIENT: SpanKind.CLIENT = 2;
export const STATUS_ERROR: SpanStatusCode.ERROR = 2;

/** A record while it is made. */
export interface OpenSpan {
  readonly context: SpanContext;
  readonly ended: boolean;
  setAttributes(attributes: Attributes): void;
  /** @param endTime epoch milliseconds, with fractions. Gives its record id where that is known at once. */
  end(endTime: number, how?: SpanEnd): string | undefined;
}

export interface SpanEnd {
  status?: RawRecord["status"] | undefined;
  modelCall?: RawModelCall | undefined;
}

/** Random bytes in hex. */
export type RandomId = (sizeBytes: number) => string;

export interface SpanMade {
  /** Of this process's runs, numbered. */
  run: number;
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
  { randomId, onEnd }: { randomId: RandomId; onEnd: (record: RawRecord) => string | undefined },
): OpenSpan {
  const { run, name, parent, startTime } = made;
  const context = made.context ?? { traceId: parent?.traceId ?? randomId(16), spanId: randomId(8), traceFlags: 1 };
  const attributes: Attributes = {};
  let ended = false;
  const span: OpenSpan = {
    context,
    get ended() {
      return ended;
    },
    setAttributes(more) {
      for (const key in more) {
        const value = attributeValue(more[key]);
        if (value !== undefined) attributes[key] = value;
      }
    },
    end(endTime, { status = OK, modelCall } = {}) {
      ended = true;
      const kind = made.client ? CLIENT : INTERNAL;
      return onEnd({ run, name, kind, context, parent, startTime, endTime, status, attributes, modelCall });
    },
  };
  span.setAttributes(made.attributes);
  return span;
}

const OK: RawRecord["status"] = { code: 0 };

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
