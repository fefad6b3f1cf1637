import type { ResourceSpans, ScopeSpans, TracesRequest } from "./otlp.ts";
import { type ReadField, readFields, readMessage, readOrSkip, readResource, readScope } from "./protobuf-message.ts";
import { ExactReader } from "./protobuf-reader.ts";
import { type ReadSpan, readSentSpan, readSpan } from "./protobuf-span.ts";
import type { SentAttributes } from "./sent-attributes.ts";

/**
 * Decodes an ExportTraceServiceRequest (field numbers: trace.proto and common.proto). Byte fields are views into `body`.
 * A span with text that is not UTF-8, or nested too deep, becomes `undecodable`. @throws Error for the same elsewhere and for broken bytes.
 * By hand because the generated decoder takes more than twice as long and is the largest part of receiving; it is the measure in our tests.
 */
export const tracesFromProtobuf = createDecoder(readSpan);

/** The same with the attributes of spans as JSON: for requests that were checked and acknowledged before. */
export const sentTracesFromProtobuf: (body: Buffer) => TracesRequest<SentAttributes> = createDecoder(readSentSpan);

function createDecoder<Attributes>(readSpanOf: ReadSpan<Attributes>): (body: Buffer) => TracesRequest<Attributes> {
  const readScopeSpansField: ReadField<ScopeSpans<Attributes>> = (message, tag, reader, depth) => {
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
  const readResourceSpansField: ReadField<ResourceSpans<Attributes>> = (message, tag, reader, depth) => {
    if (tag === 10) message.resource = readResource(message.resource, reader, depth);
    else if (tag === 18) {
      const empty: ScopeSpans<Attributes> = { scope: null, spans: [], schemaUrl: "" };
      message.scopeSpans.push(readMessage(empty, readScopeSpansField, reader, depth));
    } else if (tag === 26) message.schemaUrl = reader.string();
    else return false;
    return true;
  };
  const readRequestField: ReadField<TracesRequest<Attributes>> = (message, tag, reader, depth) => {
    if (tag !== 10) return false;
    const empty: ResourceSpans<Attributes> = { resource: null, scopeSpans: [], schemaUrl: "" };
    message.resourceSpans.push(readMessage(empty, readResourceSpansField, reader, depth));
    return true;
  };
  return (body) => readFields({ resourceSpans: [] }, body.length, readRequestField, new ExactReader(body), 0);
}
