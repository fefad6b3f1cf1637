import crypto from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../record/canonical-json.ts";
import { parseCanonicalJson } from "../record/parse-canonical-json.ts";
import { LogError } from "./log-error.ts";

/** Beyond so many shards an entry names none but its own. */
export const MAX_SHARDS_NAMED = 200;

const directoryEntry = z.strictObject({
  /** The shard's signed note, as it was published. */
  checkpoint: z.string().min(1).max(16_384),
  /** `headsHash` of every shard that the directory has an entry of, up to this one: in the last entry under a head, so that no older head of a shard passes for its newest. */
  heads_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** RFC 3339, UTC: the keeper's clock. */
  recorded_time: z.iso.datetime(),
  shard: z.string().min(1).max(64),
  /** Every shard that the directory has an entry of, up to this one, ascending: in the last entry under a head, so that no shard can be left out unseen. */
  shards: z.array(z.string().min(1).max(64)).max(MAX_SHARDS_NAMED).optional(),
});
/** That a shard had this head at that time: an entry of the directory log. */
export type DirectoryEntry = z.infer<typeof directoryEntry>;

/**
 * What the newest heads of all shards hash to: SHA-256, in hex, over the RFC 8785 JSON of `[[shard,size],…]`, ascending by the shard's UTF-8 bytes.
 * `heads`: in that order.
 */
export function headsHash(heads: readonly (readonly [shard: string, size: number])[]): string {
  return crypto.hash("sha256", canonicalJson(heads), "hex");
}

export function formatDirectoryEntry(entry: DirectoryEntry): Uint8Array {
  return Buffer.from(canonicalJson(directoryEntry.parse(entry)));
}

/** @throws LogError `malformed` unless the bytes are the canonical JSON of a directory's entry. */
export function parseDirectoryEntry(bytes: Uint8Array): DirectoryEntry {
  const parsed = directoryEntry.safeParse(parseCanonicalJson(bytes));
  if (!parsed.success) throw new LogError("malformed", "it is no entry of a directory");
  return parsed.data;
}
