import { createDestroyedKeys, type DestroyedKeys } from "./destroyed-keys.ts";
import { parseLogEntry } from "./log-entry.ts";
import { LogError } from "./log-error.ts";
import { type ReadObject, readCheckpoint, readEntries } from "./log-reader.ts";
import { leafHash, verifyInclusion } from "./merkle.ts";
import { inclusionProof } from "./proof.ts";
import type { NoteVerifier } from "./signed-note.ts";

/** As RFC 8785 has them in an entry. */
const ACTS = ['"action":"erasure"', '"action":"expiry"'];

/**
 * What the acts of these logs say of destroyed keys: an act stands in one log, and what was sealed under its keys may stand in others. Each is proven to
 * be in its signed log: of one that is not looked at otherwise, or is served anew each time it is asked for, anything could be read here.
 */
export async function readDestructions(
  logs: ReadonlyMap<string, ReadObject>,
  verifiers: readonly NoteVerifier[],
): Promise<DestroyedKeys> {
  const destroyed = createDestroyedKeys();
  for (const [shard, read] of logs) {
    try {
      const head = await readCheckpoint(read, verifiers);
      if (head === null) continue;
      const { size, root } = head;
      for await (const { index, entry } of readEntries(read, 0, size, size)) {
        const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
        if (!ACTS.some((act) => bytes.includes(act))) continue;
        if (verifyInclusion(leafHash(entry), index, size, await inclusionProof(read, index, size), root))
          destroyed.note(parseLogEntry(entry), index, shard);
      }
    } catch (error) {
      // A log that can't be read so far is found out when it is verified.
      if (!(error instanceof LogError)) throw error;
    }
  }
  return destroyed;
}
