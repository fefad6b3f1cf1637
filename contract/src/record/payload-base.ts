import { baseOf, countMessageNode } from "./payload-reading.ts";
import { DELTA_MEDIA_TYPE, MESSAGES_MEDIA_TYPE, type PayloadRef } from "./record.ts";
import { parseTextDelta } from "./text-delta.ts";

/** The payload that this one goes on from, or null; `bytes` are its stored form, unsealed. @throws LogError `malformed` when they are not of its media type. */
export function payloadBase(ref: PayloadRef, bytes: Uint8Array): PayloadRef | null {
  if (ref.media_type === MESSAGES_MEDIA_TYPE) return countMessageNode(bytes, ref).base;
  if (ref.media_type === DELTA_MEDIA_TYPE) return baseOf(parseTextDelta(bytes, ref.sha256).base, ref);
  return null;
}
