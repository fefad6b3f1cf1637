import type { JournalFrame } from "@runledger/storage";
import { checkSentSpan } from "./check-span.ts";
import { decodeSentTraces } from "./decode.ts";
import type { Resource, Scope } from "./otlp.ts";
import type { SentSpan } from "./sent-span.ts";
import { unpackBodySync } from "./unpack.ts";

/** A span that was acknowledged, with where it comes from. */
export interface AcceptedSpan {
  span: SentSpan;
  resource: Resource | null;
  resourceSchemaUrl: string;
  scope: Scope | null;
  scopeSchemaUrl: string;
}

/** No frame was taken that unpacks to more. */
export const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/** The spans of a journal frame that the receiver accepted, in their order. Always the same for the same frame. */
export function decodeAcceptedSpans(frame: Pick<JournalFrame, "format" | "encoding" | "body">): AcceptedSpan[] {
  const body = unpackBodySync(frame.body, frame.encoding, MAX_UNPACKED_BYTES);
  const accepted: AcceptedSpan[] = [];
  for (const { resource, scopeSpans, schemaUrl: resourceSchemaUrl } of decodeSentTraces(body, frame.format)
    .resourceSpans) {
    for (const { scope, spans, schemaUrl: scopeSchemaUrl } of scopeSpans) {
      for (const span of spans) {
        if (checkSentSpan(span) !== null) continue;
        accepted.push({ span, resource: resource ?? null, resourceSchemaUrl, scope: scope ?? null, scopeSchemaUrl });
      }
    }
  }
  return accepted;
}
