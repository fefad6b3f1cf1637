import { createDestroyedKeys, type DestroyedKeys } from "./destroyed-keys.ts";
import { parseLogEntry } from "./log-entry.ts";
import { LogError } from "./log-error.ts";
import { type ReadObject, readCheckpoint, readEntries } from "./log-reader.ts";
import type { NoteVerifier } from "./signed-note.ts";

/** As RFC 8785 has it in an entry. */
const ACT = '"event":"act"';

/**
 * What the acts of these logs say of destroyed keys: an act stands in one log, and what was sealed under its keys may stand in others. Not checked
 * here; whoever relies on it verifies the logs too.
 */
export async function readDestructions(
  logs: ReadonlyMap<string, ReadObject>,
  verifiers: readonly NoteVerifier[],
): Promise<DestroyedKeys> {
  const destroyed = createDestroyedKeys();
  for (const [shard, read] of logs) {
    try {
      const size = (await readCheckpoint(read, verifiers))?.size ?? 0;
      for await (const { index, entry } of readEntries(read, 0, size, size))
        if (Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).includes(ACT))
          destroyed.note(parseLogEntry(entry), index, shard);
    } catch (error) {
      // A log that can't be read so far is found out when it is verified.
      if (!(error instanceof LogError)) throw error;
    }
  }
  return destroyed;
}
