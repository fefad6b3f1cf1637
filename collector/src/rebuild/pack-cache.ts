import { packPath, type ReadPack } from "@runledger/contract";
import type { Objects } from "@runledger/storage";

/** Entries in order find their payloads in a pack or two; a history that goes back asks for older ones. */
const MAX_PACKS = 8;

/** Reads payloads out of whole packs, the last few of which it keeps: one request for thousands of payloads. */
export function createPackCache(objects: Objects, shard: string): ReadPack {
  const packs = new Map<string, Promise<Uint8Array | null>>();

  return async (sha256, offset, length) => {
    const pack = packs.get(sha256) ?? objects.read(packPath(shard, sha256));
    packs.delete(sha256);
    packs.set(sha256, pack); // newest last
    for (const oldest of packs.keys()) {
      if (packs.size <= MAX_PACKS) break;
      packs.delete(oldest);
    }
    const bytes = await pack;
    return bytes?.subarray(offset, offset + length) ?? null;
  };
}
