import { jsonOfValue } from "./attribute-json.ts";
import type { KeyValue, Span, SpanFacts, TracesRequest } from "./otlp.ts";

/** A span as the normal form has it, for who knows that it was accepted: ids in hex, attributes as JSON. */
export interface SentSpan extends SpanFacts {
  readonly traceId: string;
  readonly spanId: string;
  /** "" for a root. */
  readonly parentSpanId: string;
  readonly attributes: SentAttributes;
}

/**
 * Attributes in the order in which they were sent, a repeated key each time: the keys, and a value each as JSON (`jsonOfValue`). Spans of a request that
 * have the same keys mostly share one list of them.
 */
export interface SentAttributes {
  readonly keys: readonly string[];
  readonly values: readonly unknown[];
}

export function sentAttributes(attributes: readonly KeyValue[]): SentAttributes {
  return { keys: attributes.map(({ key }) => key), values: attributes.map(({ value }) => jsonOfValue(value)) };
}

export function sentSpan(span: Span): SentSpan {
  return {
    ...span,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    attributes: sentAttributes(span.attributes),
  };
}

export function sentTraces({ resourceSpans }: TracesRequest): TracesRequest<SentSpan> {
  return {
    resourceSpans: resourceSpans.map((ofResource) => ({
      ...ofResource,
      scopeSpans: ofResource.scopeSpans.map((ofScope) => ({ ...ofScope, spans: ofScope.spans.map(sentSpan) })),
    })),
  };
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("hex");
}
