import {
  attributeKeysSha256,
  type IdentifiedSpan,
  recordId,
  type SpanOrigin,
  type TextForms,
} from "@runledger/contract";
import { noted, SpanAttributes } from "./span-attributes.ts";
import type { SpanView } from "./span-view.ts";

/** `recordId` of a span as it arrived. */
export function recordIdOf(span: SpanView, origin: SpanOrigin, forms?: TextForms): string {
  const { shape, list: values } = SpanAttributes.from(span.attributes);
  const keysSha256 = noted(shape, "sha256", ({ keys }) => attributeKeysSha256(keys));
  const identified: IdentifiedSpan = {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    startTime: span.startTime,
    endTime: span.endTime,
    statusCode: span.statusCode,
    statusMessage: span.statusMessage,
    keysSha256,
    values,
    events: span.events,
    links: span.links,
  };
  return recordId(identified, origin, forms);
}
