import { createHash } from "node:crypto";
import { canonicalJson } from "@runledger/contract";

const MAX_NAMES = 500;
/** Half of what an act's target may have. */
const MAX_BYTES = 15_000;

/**
 * The logs of an export as its act names them: `shards`; or of so many that an act can't hold their names `shard_count`, and `shards_sha256` of the list
 * in RFC 8785 JSON. The bundle has them all.
 */
export function logsOnRecord(shards: readonly string[]): Record<string, unknown> {
  const names = canonicalJson(shards);
  if (shards.length <= MAX_NAMES && names.length <= MAX_BYTES) return { shards };
  return { shard_count: shards.length, shards_sha256: createHash("sha256").update(names).digest("hex") };
}
