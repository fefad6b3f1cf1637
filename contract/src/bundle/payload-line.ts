import { z } from "zod";
import { LogError } from "../log/log-error.ts";
import { parseCanonicalJson } from "../record/parse-canonical-json.ts";
import { DELTA_MEDIA_TYPE, MESSAGES_MEDIA_TYPE } from "../record/record.ts";

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const place = { length: count, offset: count };
const name = { media_type: z.string(), sha256: hex32 };
/** Why it was not to be had, 1,000 code points at most. */
const missing = z.string().refine((text) => text.length <= 1_000 || [...text].length <= 1_000);
const sealed = { commitment: hex32, key_id: z.string().min(1) };

/** A line of `payloads/<I>.jsonl` (docs/bundle.md, "Payloads"). */
export const payloadLine = z.union([
  z.strictObject({ ...name, ...place }),
  z.strictObject({ ...name, ...place, ...sealed, payload_key: z.string().regex(/^[0-9a-f]{128}$/) }),
  z.strictObject({ ...name, ...sealed, erased_by: count }),
  /** By an act that stands in another log of the bundle. */
  z.strictObject({ ...name, ...sealed, erased_by: count, erased_in: z.string().min(1) }),
  z.strictObject({ ...name, missing }),
  z.strictObject({ ...name, ...sealed, missing }),
]);
export type PayloadLine = z.infer<typeof payloadLine>;

/** What a reference and the line of what it refers to have in common. */
export interface PayloadIdentity {
  sha256: string;
  commitment?: string | undefined;
  key_id?: string | undefined;
  media_type: string;
}

/**
 * What identifies a payload: the hash of its stored bytes, the commitment to what they say, whose key they are under, and whether they name a base. The
 * media type itself is no part of it: a text is stored once, whatever types it is referred to with. Begins with `sha256`.
 */
export function payloadId({ sha256, commitment = "", key_id = "", media_type }: PayloadIdentity): string {
  return `${sha256}${commitment} ${hasBase(media_type) ? media_type : "text"} ${key_id}`;
}

function hasBase(mediaType: string): boolean {
  return mediaType === MESSAGES_MEDIA_TYPE || mediaType === DELTA_MEDIA_TYPE;
}

/** Null unless the line is one as they are written. */
export function parsePayloadLine(bytes: Uint8Array): PayloadLine | null {
  try {
    return payloadLine.safeParse(parseCanonicalJson(bytes)).data ?? null;
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
}
