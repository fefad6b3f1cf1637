export { type AcceptedSpan, decodeAcceptedSpans } from "./otlp/accepted-spans.ts";
export { decodeTraces, encodeTraces } from "./otlp/decode.ts";
