import {
  anchorPath,
  anchorsPrefix,
  CHECKPOINT_PATH,
  DIRECTORY,
  type DirectoryEntry,
  datedCheckpointPath,
  LogError,
  latestCosignedPath,
  logPrefix,
  parseDirectoryEntry,
  type ReadObject,
  readBundle,
  TILE_WIDTH,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { QueryApiError } from "../error.ts";
import type { DirectoryHeads } from "./choose-logs.ts";

/** Entries younger than this may wait for the directory's next round, and the witnesses' (as `verify` has it). */
export const MAX_UNWITNESSED_MS = 15 * 60_000;
/** Time stamps are looked for among so many heads back, in listings of a thousand sizes. */
const MAX_STAMP_LISTINGS = 100;
const SIZES_PER_LISTING = 1_000;

/** An entry of the directory, where it lies. */
export interface Recorded {
  index: number;
  bytes: Uint8Array;
  entry: DirectoryEntry;
}

export async function directoryHeads(objects: Pick<Objects, "read">): Promise<DirectoryHeads> {
  const cosigned = await objects.read(latestCosignedPath(DIRECTORY));
  return { cosigned, newest: await objects.read(logPrefix(DIRECTORY) + CHECKPOINT_PATH) };
}

export function directoryReader(objects: Pick<Objects, "read">): ReadObject {
  return (path) => objects.read(logPrefix(DIRECTORY) + path);
}

/**
 * The checkpoint of a shard that witnesses have cosigned, by the directory that recorded it: a bundle made from it is VERIFIED under their quorum.
 * Null where they are behind: by too much for newer entries to wait for them, or behind `leastSize`, the earlier checkpoint that the recipient has.
 */
export function witnessedNote(
  recorded: Recorded | undefined,
  newest: Uint8Array,
  nowMs: number,
  leastSize: number | null,
): Uint8Array | null {
  if (recorded === undefined) return null;
  const note = Buffer.from(recorded.entry.checkpoint);
  const isBehind = nowMs - Date.parse(recorded.entry.recorded_time) > MAX_UNWITNESSED_MS;
  if (sizeOf(note) < (leastSize ?? 0)) return null;
  return isBehind && sizeOf(note) < sizeOf(newest) ? null : note;
}

/** Of each shard the last entry below a head of the directory: of those that it names, else of `shards`. Read backwards, until all are found. */
export async function newestRecorded(
  objects: Pick<Objects, "read">,
  head: Uint8Array,
  shards: readonly string[],
): Promise<Map<string, Recorded>> {
  const size = sizeOf(head);
  const read = directoryReader(objects);
  const found = new Map<string, Recorded>();
  const missing = new Set(shards);
  for (let bundle = Math.ceil(size / TILE_WIDTH) - 1; bundle >= 0 && missing.size > 0; bundle--) {
    const entries = await readBundle(read, bundle, size).catch(asUnreadable);
    for (const [at, bytes] of [...entries.entries()].reverse()) {
      const entry = parseDirectoryEntry(bytes);
      const index = bundle * TILE_WIDTH + at;
      if (index === size - 1 && entry.shards !== undefined) {
        missing.clear();
        for (const shard of entry.shards) missing.add(shard);
      }
      if (found.has(entry.shard)) continue;
      found.set(entry.shard, { index, bytes, entry });
      missing.delete(entry.shard);
    }
  }
  return found;
}

/** The newest head with a time stamp, no newer than `limit` entries. */
export async function newestStamped(
  objects: Pick<Objects, "read" | "list">,
  limit: number,
): Promise<{ note: Uint8Array; token: Uint8Array } | null> {
  const newest = Math.floor(limit / SIZES_PER_LISTING);
  for (let block = newest; block >= Math.max(0, newest - MAX_STAMP_LISTINGS); block--) {
    const stamped: number[] = [];
    const sizes = String(block).padStart(12, "0");
    for await (const { path } of objects.list(`${anchorsPrefix(DIRECTORY)}${sizes}`)) {
      const size = Number(/(\d{15})\.tsr$/.exec(path)?.[1] ?? Number.NaN);
      if (size <= limit) stamped.push(size);
    }
    const size = stamped.at(-1);
    if (size === undefined) continue;
    const token = await objects.read(anchorPath(DIRECTORY, size, "tsr"));
    const note = await objects.read(datedCheckpointPath(DIRECTORY, size));
    return token === null || note === null ? null : { note, token };
  }
  return null;
}

export function sizeOf(note: Uint8Array): number {
  return unverifiedCheckpoint(note).size;
}

function asUnreadable(cause: unknown): never {
  if (!(cause instanceof LogError)) throw cause;
  throw new QueryApiError("conflict", `the directory of the logs can't be read: ${cause.message}`, {
    hint: "run `runledger verify` on the store",
    cause,
  });
}
