import { type Checkpoint, logName, openCheckpoint } from "./checkpoint.ts";
import { createDestroyedKeys, type DestroyedKeys } from "./destroyed-keys.ts";
import { parseLogEntry } from "./log-entry.ts";
import { LogError } from "./log-error.ts";
import { type ReadObject, readEntries } from "./log-reader.ts";
import { leafHash, verifyInclusion } from "./merkle.ts";
import { inclusionProof } from "./proof.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { CHECKPOINT_PATH } from "./tile-path.ts";
import type { VerifiedDirectory } from "./verify-directory.ts";

export interface ActsToRead {
  shards: readonly string[];
  readLog(shard: string): ReadObject;
  /** What was read of the shards that are verified. */
  heads: ReadonlyMap<string, Uint8Array | null>;
  verifiers: readonly NoteVerifier[];
  directory: VerifiedDirectory | null;
  /** The policy asks for witnesses. */
  isWitnessed: boolean;
}

/** As RFC 8785 has them in an entry. */
const ACTS = ['"action":"erasure"', '"action":"expiry"'];

/**
 * What the acts of these logs say of destroyed keys: an act stands in one log, and what was sealed under its keys may stand in others. Each is proven to
 * be under the head by which its log is held: who serves a log could have other entries for who asks for acts alone.
 */
export async function readDestructions(acts: ActsToRead): Promise<DestroyedKeys> {
  const destroyed = createDestroyedKeys();
  for (const shard of acts.shards) {
    const read = acts.readLog(shard);
    try {
      const head = await headOf(shard, read, acts);
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

/**
 * The head of a shard that is verified: one that the directory does not know is INCOMPLETE by that unless it is young. Of one that nobody else looks at, what the directory recorded and the witnesses
 * have seen; where no directory is asked for, its own. @throws LogError as `openCheckpoint`.
 */
async function headOf(
  shard: string,
  read: ReadObject,
  { heads, verifiers, directory, isWitnessed }: ActsToRead,
): Promise<Pick<Checkpoint, "size" | "root"> | null> {
  const recorded = directory?.shards.get(shard) ?? [];
  const signed = (note: Uint8Array | null): Checkpoint | null => note && openCheckpoint(note, verifiers);
  if (heads.has(shard)) return signed(heads.get(shard) ?? null);
  const seen = isWitnessed ? (directory?.anchors.witnessed?.size ?? 0) : Number.POSITIVE_INFINITY;
  const head =
    directory !== null || isWitnessed
      ? recorded.findLast(({ index, isSigned }) => isSigned && index < seen)
      : signed(await read(CHECKPOINT_PATH));
  // Another history of the log that is asked for may lie beside it, under another name.
  return head && logName(head.origin) === shard ? head : null;
}
