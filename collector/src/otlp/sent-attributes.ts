import { jsonOfValue } from "./attribute-json.ts";
import type { KeyValue, TracesRequest } from "./otlp.ts";

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

/** The request with the attributes of its spans as JSON. */
export function withSentAttributes({ resourceSpans }: TracesRequest): TracesRequest<SentAttributes> {
  return {
    resourceSpans: resourceSpans.map((ofResource) => ({
      ...ofResource,
      scopeSpans: ofResource.scopeSpans.map((ofScope) => ({
        ...ofScope,
        spans: ofScope.spans.map((span) => ({ ...span, attributes: sentAttributes(span.attributes) })),
      })),
    })),
  };
}
