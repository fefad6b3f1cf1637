import { existsSync } from "node:fs";
import {
  CHECKPOINT_PATH,
  DIRECTORY,
  logPrefix,
  parseDirectoryEntry,
  readEntries,
  unverifiedCheckpoint,
} from "@runledger/contract";
import { loadOrCreateSigningKey, type Objects, type SigningKey } from "@runledger/storage";
import type { HeadWork } from "./directory-keeper.ts";

/**
 * The key of the directory in these objects, made when there is neither key nor directory. Null: the directory is signed with a key that is not
 * here; it is kept by the collectors that have it (the file may be copied to others).
 */
export async function openDirectoryKey(
  objects: Objects,
  path: string,
  shardOrigin: string,
): Promise<SigningKey | null> {
  const head = await objects.read(logPrefix(DIRECTORY) + CHECKPOINT_PATH);
  if (head !== null && !existsSync(path)) return null;
  const key = await loadOrCreateSigningKey(path, `${shardOrigin.slice(0, shardOrigin.lastIndexOf("/"))}/${DIRECTORY}`);
  return head === null || mayBeOf(key.origin, head) ? key : null;
}

/** A head that can't be read is damage, which who has the key tells of in each round: no start hangs on it. */
function mayBeOf(origin: string, head: Uint8Array): boolean {
  try {
    return unverifiedCheckpoint(head).origin === origin;
  } catch {
    return true;
  }
}

const MAX_LAG_MS = 15 * 60_000;
const ENTRIES_BACK = 4_096;

/** Is our shard's head taken into a directory that others keep? */
export function watchDirectory(objects: Objects, shard: string, now: () => number): HeadWork {
  let behindSince: number | null = null;
  return {
    round: async () => {
      const own = await objects.read(logPrefix(shard) + CHECKPOINT_PATH);
      const size = own === null ? 0 : unverifiedCheckpoint(own).size;
      behindSince = size <= (await recordedSize(objects, shard)) ? null : (behindSince ?? now());
      if (behindSince === null || now() - behindSince < MAX_LAG_MS) return [];
      return [
        `shard ${shard} is not taken into the directory: is a collector running that has its key (keys/log-${DIRECTORY}.key)?`,
      ];
    },
  };
}

async function recordedSize(objects: Objects, shard: string): Promise<number> {
  const read = (path: string): Promise<Uint8Array | null> => objects.read(logPrefix(DIRECTORY) + path);
  const head = await read(CHECKPOINT_PATH);
  const size = head === null ? 0 : unverifiedCheckpoint(head).size;
  let recorded = 0;
  for await (const { entry } of readEntries(read, Math.max(0, size - ENTRIES_BACK), size, size)) {
    const parsed = parseDirectoryEntry(entry);
    if (parsed.shard === shard) recorded = unverifiedCheckpoint(Buffer.from(parsed.checkpoint)).size;
  }
  return recorded;
}
