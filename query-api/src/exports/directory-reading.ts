import {
  anchorPath,
  anchorsPrefix,
  byUtf8,
  CHECKPOINT_PATH,
  DIRECTORY,
  type DirectoryEntry,
  datedCheckpointPath,
  headsHash,
  LogError,
  latestCosignedPath,
  logPrefix,
  parseDirectoryEntry,
  type ReadObject,
  readBundle,
  receivedTimeAt,
  TILE_WIDTH,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { QueryApiError } from "../error.ts";
import type { DirectoryHeads } from "./choose-logs.ts";

/** Entries younger than this may wait for the directory's next round, and the witnesses' (as `verify` has it). */
const MAX_UNWITNESSED_MS = 15 * 60_000;
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

/** Of a shard whose log has so many entries: is what the directory has not recorded of it by the given entry young enough to wait for the next round? */
export async function canWait(
  objects: Pick<Objects, "read">,
  { shard, size }: { shard: string; size: number },
  recorded: Recorded | undefined,
  nowMs: number,
): Promise<boolean> {
  const covered = recorded === undefined ? 0 : sizeOf(Buffer.from(recorded.entry.checkpoint));
  if (covered >= size) return covered === size; // one that was set back: the verifiers have to see it as it stands
  const isYoung = (time: string): boolean => Math.abs(nowMs - Date.parse(time)) <= MAX_UNWITNESSED_MS;
  // A collector that catches up brings entries of long ago, which are witnessed each minute all the same.
  if (recorded !== undefined && isYoung(recorded.entry.recorded_time)) return true;
  const since = await receivedTimeAt((path) => objects.read(logPrefix(shard) + path), covered);
  return since !== null && isYoung(since);
}

/**
 * Of each shard the last entry below a head of the directory. Read backwards, until all that it names are found; where it names none, since there are too
 * many, until what is found hashes to what it commits to; where it commits to nothing, as those of earlier versions, until all of `shards` are.
 */
export async function newestRecorded(
  objects: Pick<Objects, "read">,
  head: Uint8Array,
  shards: readonly string[],
): Promise<Map<string, Recorded>> {
  const size = sizeOf(head);
  const read = directoryReader(objects);
  const found = new Map<string, Recorded>();
  const missing = new Set(shards);
  let committed: string | undefined;
  const isComplete = (): boolean => (committed === undefined ? missing.size === 0 : committed === hashOf(found));
  for (let bundle = Math.ceil(size / TILE_WIDTH) - 1; bundle >= 0 && !isComplete(); bundle--) {
    const entries = await readBundle(read, bundle, size).catch(asUnreadable);
    for (const [at, bytes] of [...entries.entries()].reverse()) {
      const entry = parseDirectoryEntry(bytes);
      const index = bundle * TILE_WIDTH + at;
      if (index === size - 1 && entry.shards === undefined) committed = entry.heads_sha256;
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

function hashOf(found: ReadonlyMap<string, Recorded>): string {
  const heads = [...found].map(([shard, { entry }]): [string, number] => [
    shard,
    sizeOf(Buffer.from(entry.checkpoint)),
  ]);
  return headsHash(heads.sort(([a], [b]) => byUtf8(a, b)));
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
