import {
  anchorPath,
  anchorsPrefix,
  CHECKPOINT_PATH,
  type Checkpoint,
  consistencyProof,
  DIRECTORY,
  type DirectoryAnchor,
  type DirectoryEntry,
  datedCheckpointPath,
  formatDirectoryAnchors,
  type Hash,
  inclusionProof,
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
import type { ExportLog } from "./export-log.ts";

/** Entries younger than this may wait for the directory's next round, and the witnesses' (as `verify` has it). */
const MAX_UNWITNESSED_MS = 15 * 60_000;
/** Time stamps are looked for among so many heads back, in listings of a thousand sizes. */
const MAX_STAMP_LISTINGS = 100;
const SIZES_PER_LISTING = 1_000;

type AnchorObjects = Pick<Objects, "read" | "folders" | "list">;

/** An entry of the directory, where it lies. */
interface Recorded {
  index: number;
  bytes: Uint8Array;
  entry: DirectoryEntry;
}

/**
 * The newest checkpoint of a shard that witnesses have cosigned, by the directory that recorded it: a bundle made from it is VERIFIED under their
 * quorum. Null where there are no witnesses, or where they are behind: by too much for newer entries to wait for
 * them, or behind `leastSize`, the earlier checkpoint that the recipient has.
 */
export async function newestWitnessedNote(
  objects: AnchorObjects,
  shard: string,
  nowMs: number,
  leastSize: number | null,
): Promise<Uint8Array | null> {
  const cosigned = await objects.read(latestCosignedPath(DIRECTORY));
  const newest = await objects.read(logPrefix(shard) + CHECKPOINT_PATH);
  if (cosigned === null || newest === null) return null;
  const found = await newestRecorded(readerOf(objects, DIRECTORY), sizeOf(cosigned), [shard]);
  const recorded = found.get(shard)?.entry;
  if (recorded === undefined) return null;
  const note = Buffer.from(recorded.checkpoint);
  const isBehind = nowMs - Date.parse(recorded.recorded_time) > MAX_UNWITNESSED_MS;
  if (sizeOf(note) < (leastSize ?? 0)) return null;
  return isBehind && sizeOf(note) < sizeOf(newest) ? null : note;
}

/** `anchors.json`: the directory's cosigned head (else its newest), and the newest head with a time stamp. Null where no directory recorded the shard. */
export async function anchorsOf(objects: AnchorObjects, log: ExportLog): Promise<string | null> {
  const heads: DirectoryAnchor[] = [];
  const cosigned = await objects.read(latestCosignedPath(DIRECTORY));
  const head = cosigned ?? (await objects.read(logPrefix(DIRECTORY) + CHECKPOINT_PATH));
  if (head === null) return null;
  const first = await anchorAt(objects, log, head, null);
  if (first !== null) heads.push(first);
  const stamped = await newestStamped(objects);
  const second = stamped && (await anchorAt(objects, log, stamped.note, stamped.token));
  if (second !== null) heads.push(second);
  return heads.length === 0 ? null : formatDirectoryAnchors(heads);
}

async function anchorAt(
  objects: AnchorObjects,
  { shard, read, checkpoint }: ExportLog,
  note: Uint8Array,
  token: Uint8Array | null,
): Promise<DirectoryAnchor | null> {
  const readDirectory = readerOf(objects, DIRECTORY);
  const { size } = unverifiedCheckpoint(note);
  const shards = (await objects.folders("log/")).filter((name) => name !== DIRECTORY);
  const found = await newestRecorded(readDirectory, size, shards);
  const own = found.get(shard);
  if (own === undefined) return null;
  const recorded = [];
  for (const name of [...found.keys()].sort()) {
    const { index, bytes } = found.get(name) as Recorded;
    const proof = (await inclusionProof(readDirectory, index, size)).map(base64);
    recorded.push({ entry: Buffer.from(bytes).toString(), index, proof });
  }
  return {
    checkpoint: Buffer.from(note).toString(),
    consistency: (await consistencyBetween(read, own.entry, checkpoint)).map(base64),
    recorded,
    timestamp: token === null ? null : base64(token),
  };
}

async function consistencyBetween(read: ReadObject, recorded: DirectoryEntry, head: Checkpoint): Promise<Hash[]> {
  const sizes = [sizeOf(Buffer.from(recorded.checkpoint)), head.size];
  return await consistencyProof(read, Math.min(...sizes), Math.max(...sizes));
}

/** Of each shard the last entry of the directory's first `size`; read backwards, until all are found. */
async function newestRecorded(
  read: ReadObject,
  size: number,
  shards: readonly string[],
): Promise<Map<string, Recorded>> {
  const found = new Map<string, Recorded>();
  const missing = new Set(shards);
  for (let bundle = Math.ceil(size / TILE_WIDTH) - 1; bundle >= 0 && missing.size > 0; bundle--) {
    const entries = await readBundle(read, bundle, size).catch(asUnreadable);
    for (const [at, bytes] of [...entries.entries()].reverse()) {
      const entry = parseDirectoryEntry(bytes);
      if (found.has(entry.shard)) continue;
      found.set(entry.shard, { index: bundle * TILE_WIDTH + at, bytes, entry });
      missing.delete(entry.shard);
    }
  }
  return found;
}

async function newestStamped(objects: AnchorObjects): Promise<{ note: Uint8Array; token: Uint8Array } | null> {
  const head = await objects.read(logPrefix(DIRECTORY) + CHECKPOINT_PATH);
  const newest = head === null ? 0 : Math.floor(sizeOf(head) / SIZES_PER_LISTING);
  for (let block = newest; block >= Math.max(0, newest - MAX_STAMP_LISTINGS); block--) {
    const stamps: string[] = [];
    const sizes = String(block).padStart(12, "0");
    for await (const { path } of objects.list(`${anchorsPrefix(DIRECTORY)}${sizes}`))
      if (path.endsWith(".tsr")) stamps.push(path);
    const size = Number(/(\d{15})\.tsr$/.exec(stamps.at(-1) ?? "")?.[1] ?? Number.NaN);
    if (Number.isNaN(size)) continue;
    const token = await objects.read(anchorPath(DIRECTORY, size, "tsr"));
    const note = await objects.read(datedCheckpointPath(DIRECTORY, size));
    return token === null || note === null ? null : { note, token };
  }
  return null;
}

function readerOf(objects: AnchorObjects, log: string): ReadObject {
  return (path) => objects.read(logPrefix(log) + path);
}

function sizeOf(note: Uint8Array): number {
  return unverifiedCheckpoint(note).size;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function asUnreadable(cause: unknown): never {
  if (!(cause instanceof LogError)) throw cause;
  throw new QueryApiError("conflict", `the directory of the logs can't be read: ${cause.message}`, {
    hint: "run `runledger verify` on the store",
    cause,
  });
}
