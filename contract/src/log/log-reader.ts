import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { decodeEntryBundle } from "./entry-bundle.ts";
import { LogError } from "./log-error.ts";
import { HASH_BYTES } from "./merkle.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { CHECKPOINT_PATH, entryBundlePath, TILE_WIDTH, tilePath, tileWidth } from "./tile-path.ts";

/**
 * Where objects come from: a directory, a bucket, an HTTP server. Paths are relative to the log's root unless stated otherwise.
 * Resolves with null when there is no such object; rejects when that can't be told.
 */
export type ReadObject = (path: string) => Promise<Uint8Array | null>;

/** Bundles asked for ahead of the one in use, so that a distant store does not set the pace. */
const READ_AHEAD_BUNDLES = 4;

/** The latest checkpoint, signed by a known key; null before the first. @throws LogError as `openCheckpoint`. */
export async function readCheckpoint(read: ReadObject, verifiers: readonly NoteVerifier[]): Promise<Checkpoint | null> {
  const note = await read(CHECKPOINT_PATH);
  return note && openCheckpoint(note, verifiers);
}

/**
 * The bytes of tile `index` as a tree of `treeSize` has it. A partial tile gives way to the full one once that exists.
 * @throws LogError `missing`, or `malformed` when it is too short or misshapen.
 */
export async function readTile(read: ReadObject, level: number, index: number, treeSize: number): Promise<Uint8Array> {
  const width = tileWidth(level, index, treeSize);
  const { path, bytes } = await readPartialOrFull(read, tilePath(level, index, width), tilePath(level, index));
  if (bytes.length !== tileSizeOf(path, width)) {
    throw new LogError("malformed", `${path} has ${bytes.length} bytes, not ${tileSizeOf(path, width)}`);
  }
  return bytes.subarray(0, width * HASH_BYTES);
}

/** The entries of bundle `index` as a tree of `treeSize` has them. @throws LogError `missing` or `malformed`. */
export async function readBundle(read: ReadObject, index: number, treeSize: number): Promise<Uint8Array[]> {
  const width = tileWidth(0, index, treeSize);
  const { path, bytes } = await readPartialOrFull(read, entryBundlePath(index, width), entryBundlePath(index));
  const entries = decodeEntryBundle(bytes);
  const expected = path.includes(".p/") ? width : TILE_WIDTH;
  if (entries.length !== expected)
    throw new LogError("malformed", `${path} has ${entries.length} entries, not ${expected}`);
  return entries.slice(0, width);
}

/** The entry at an index of a tree. Not checked against the tree: see `inclusionProof`. */
export async function readEntry(read: ReadObject, index: number, treeSize: number): Promise<Uint8Array> {
  const entries = await readBundle(read, Math.floor(index / TILE_WIDTH), treeSize);
  const entry = entries[index % TILE_WIDTH];
  if (entry === undefined) throw new RangeError(`no entry ${index} in ${treeSize}`);
  return entry;
}

/** The entries [from, to) in order, a few bundles in memory at a time. Not checked against the tree. */
export async function* readEntries(
  read: ReadObject,
  from: number,
  to: number,
  treeSize: number,
): AsyncGenerator<{ index: number; entry: Uint8Array }> {
  if (to > treeSize) throw new RangeError(`no entry ${to - 1} in ${treeSize}`);
  const first = Math.floor(from / TILE_WIDTH);
  const last = Math.ceil(to / TILE_WIDTH);
  for await (const { index: bundle, value } of readAhead(first, last, (index) => readBundle(read, index, treeSize))) {
    for (const [offset, entry] of value.entries()) {
      const index = bundle * TILE_WIDTH + offset;
      if (index >= from && index < to) yield { index, entry };
    }
  }
}

/** Runs `load` for [from, to) a few ahead, and gives the results in order. */
export async function* readAhead<Value>(
  from: number,
  to: number,
  load: (index: number) => Promise<Value>,
): AsyncGenerator<{ index: number; value: Value }> {
  const loading: Promise<Value>[] = [];
  for (let index = from, asked = from; index < to; index++) {
    for (; asked < to && asked < index + READ_AHEAD_BUNDLES; asked++) {
      const promise = load(asked);
      // A reader that stops early leaves these behind; who awaits one still sees its rejection.
      promise.catch(() => undefined);
      loading.push(promise);
    }
    const next = loading.shift();
    if (next === undefined) return;
    yield { index, value: await next };
  }
}

async function readPartialOrFull(
  read: ReadObject,
  path: string,
  fullPath: string,
): Promise<{ path: string; bytes: Uint8Array }> {
  const bytes = await read(path);
  if (bytes !== null) return { path, bytes };
  const full = path === fullPath ? null : await read(fullPath);
  if (full === null) throw new LogError("missing", `${path} is missing`);
  return { path: fullPath, bytes: full };
}

function tileSizeOf(path: string, width: number): number {
  return (path.includes(".p/") ? width : TILE_WIDTH) * HASH_BYTES;
}
