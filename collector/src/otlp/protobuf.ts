import type { ResourceSpans, ScopeSpans, TracesRequest } from "./otlp.ts";
import { type ReadField, readFields, readMessage, readOrSkip, readResource, readScope } from "./protobuf-message.ts";
import { ExactReader } from "./protobuf-reader.ts";
import { type ReadSpan, readSentSpan, readSpan } from "./protobuf-span.ts";
import type { SentSpan } from "./sent-span.ts";

/**
 * Decodes an ExportTraceServiceRequest (field numbers: trace.proto and common.proto). Byte fields are views into `body`.
 * A span with text that is not UTF-8, or nested too deep, becomes `undecodable`. @throws Error for the same elsewhere and for broken bytes.
 * By hand because the generated decoder takes more than twice as long and is the largest part of receiving; it is the measure in our tests.
 */
export const tracesFromProtobuf = createDecoder(readSpan);

/** The same for requests that were checked and acknowledged before. */
export const sentTracesFromProtobuf: (body: Buffer) => TracesRequest<SentSpan> = createDecoder(readSentSpan);

function createDecoder<Item>(readSpanOf: ReadSpan<Item>): (body: Buffer) => TracesRequest<Item> {
  const readScopeSpansField: ReadField<ScopeSpans<Item>> = (message, tag, reader, depth) => {
    if (tag === 18) {
      const why = readOrSkip(reader, () => message.spans.push(readSpanOf(reader, depth)));
      if (why === null) return true;
      message.undecodable ??= [];
      message.undecodable.push(why);
    } else if (tag === 10) message.scope = readScope(message.scope, reader, depth);
    else if (tag === 26) message.schemaUrl = reader.string();
    else return false;
    return true;
  };
  const readResourceSpansField: ReadField<ResourceSpans<Item>> = (message, tag, reader, depth) => {
    if (tag === 10) message.resource = readResource(message.resource, reader, depth);
    else if (tag === 18) {
      const empty: ScopeSpans<Item> = { scope: null, spans: [], schemaUrl: "" };
      message.scopeSpans.push(readMessage(empty, readScopeSpansField, reader, depth));
    } else if (tag === 26) message.schemaUrl = reader.string();
    else return false;
    return true;
  };
  const readRequestField: ReadField<TracesRequest<Item>> = (message, tag, reader, depth) => {
    if (tag !== 10) return false;
    const empty: ResourceSpans<Item> = { resource: null, scopeSpans: [], schemaUrl: "" };
    message.resourceSpans.push(readMessage(empty, readResourceSpansField, reader, depth));
    return true;
  };
  return (body) => readFields({ resourceSpans: [] }, body.length, readRequestField, new ExactReader(body), 0);
}
