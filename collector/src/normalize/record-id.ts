import { attributeKeysSha256, recordId, type SpanOrigin } from "@runledger/contract";
import { sha256Hex } from "./content-hash.ts";
import { noted, SpanAttributes } from "./span-attributes.ts";
import type { SpanView } from "./span-view.ts";

/** `recordId` of a span as it arrived. */
export function recordIdOf(span: SpanView, origin: SpanOrigin, sha256 = sha256Hex): string {
  const { shape, list: values } = SpanAttributes.from(span.attributes);
  const keysSha256 = noted(shape, "sha256", ({ keys }) => attributeKeysSha256(keys));
  const { traceId, spanId, parentSpanId, name, startTime, endTime, statusCode, statusMessage, events, links } = span;
  const facts = { traceId, spanId, parentSpanId, name, startTime, endTime, statusCode, statusMessage, events, links };
  return recordId({ ...facts, keysSha256, values }, origin, sha256);
}
