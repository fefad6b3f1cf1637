import {
  CHECKPOINT_PATH,
  type Checkpoint,
  consistencyProof,
  createLeafHasher,
  datedCheckpointPath,
  encodeEntryBundle,
  entryBundlePath,
  HASH_BYTES,
  type Hash,
  hashesAtLevel,
  hashesEqual,
  LogError,
  leafHash,
  logPrefix,
  openCheckpoint,
  parseTilePath,
  parseVerifierKey,
  type ReadObject,
  readBundle,
  readTile,
  restoreTileTree,
  signCheckpoint,
  TILE_WIDTH,
  type TileTree,
  tilePath,
  verifyConsistency,
} from "@runledger/contract";
import { type Objects, type ObjectVersion, type SigningKey, StorageError } from "@runledger/storage";
import { inParallel } from "./in-parallel.ts";
import { createPartialFiles } from "./partial-files.ts";

/** The one writer of a shard's log. A store that holds something else than what was written stops it with `damaged`. */
export interface LogWriter {
  readonly size: number;
  root(): Hash;
  /** The tree with more entries; nothing is written. */
  plan(entries: readonly Uint8Array[]): Extension;
  /** Writes what was planned and publishes the checkpoint. Doing it again after a failure ends the same. */
  extend(extension: Extension): Promise<void>;
  /** @throws StorageError `damaged` when the store holds less than the key has signed. */
  refuseSetBack(): void;
  /** Reads the log's objects; paths are relative to its root. */
  read: ReadObject;
}

interface Edge {
  tree: TileTree;
  /** The entries of the bundle that is not full yet. */
  entries: readonly Uint8Array[];
  version: ObjectVersion | null;
}

/** The log as it will be: its tree, and every tile and bundle that it has and the log before did not. */
export interface Extension {
  tree: TileTree;
  entries: readonly Uint8Array[];
  /** The entries' leaves in the tree. */
  leaves: readonly Hash[];
  files: readonly LogFile[];
}

interface LogFile {
  path: string;
  bytes: Uint8Array;
}

const PARALLEL_OBJECTS = 16;

/** Continues the log that the store holds, after checking its head: own signature, and a right edge that has the signed root. */
export async function openLogWriter(objects: Objects, shard: string, key: SigningKey): Promise<LogWriter> {
  const prefix = logPrefix(shard);
  const read: ReadObject = (path) => objects.read(prefix + path);
  let edge = await readEdge(objects, shard, key, read);
  let signed = await readLastSigned(key, edge, read);
  const partials = createPartialFiles(objects, prefix, edge.tree.size);

  const extend = async (extension: Extension): Promise<void> => {
    const { tree, entries, files } = extension;
    const isSigned = signed?.size === tree.size && hashesEqual(signed.root, tree.root());
    if (signed !== null && signed.size > edge.tree.size && !isSigned) throw setBack(prefix, edge, signed);
    // Written once each, named by position and width. A crash leaves files beyond the checkpoint, which the same batch,
    // applied again from its staged object, writes with the same bytes.
    await inParallel(PARALLEL_OBJECTS, files, ({ path, bytes }) => objects.create(prefix + path, bytes));
    await checkReadBack(read, edge, extension);
    const oldSize = edge.tree.size;
    const proof = await consistencyProof(read, oldSize, tree.size);
    if (!verifyConsistency(oldSize, tree.size, edge.tree.root(), tree.root(), proof)) {
      throw damaged(`the tiles of ${prefix} do not extend the checkpoint of size ${oldSize}`);
    }
    const note = signCheckpoint(tree.size, tree.root(), key.signer);
    if (tree.size > (signed?.size ?? 0)) {
      // A crash from here on: the next start gets the log to this very tree by its staged batch, or stops.
      await key.lastSigned.save(note);
      signed = { origin: key.origin, size: tree.size, root: tree.root() };
    }
    await objects.create(datedCheckpointPath(shard, tree.size), note);
    const version = await publish(objects, prefix + CHECKPOINT_PATH, note, edge.version);
    const last = tree.size % TILE_WIDTH;
    const rest = last === 0 ? [] : [...edge.entries, ...entries].slice(-last);
    edge = { tree, entries: rest.map((entry) => Buffer.from(entry)), version };
    await partials.removeOfFull(files);
  };
  return {
    get size() {
      return edge.tree.size;
    },
    root: () => edge.tree.root(),
    plan: (entries) => grow(edge, entries),
    extend,
    refuseSetBack: () => {
      if (signed !== null && signed.size > edge.tree.size) throw setBack(prefix, edge, signed);
    },
    read,
  };
}

/** What is thrown of an object names it. */
export function named<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw error instanceof LogError ? new LogError(error.code, `${path}: ${error.message}`, error) : error;
  }
}

async function readEdge(objects: Objects, shard: string, key: SigningKey, read: ReadObject): Promise<Edge> {
  const path = logPrefix(shard) + CHECKPOINT_PATH;
  const stored = await objects.readVersioned(path);
  if (stored === null) return { tree: restoreTileTree(0, new Map()), entries: [], version: null };
  const { size, root } = named(path, () => openCheckpoint(stored.bytes, [parseVerifierKey(key.verifierKey)]));
  const partials = new Map<number, Uint8Array>();
  for (let level = 0; hashesAtLevel(level, size) > 0; level++) {
    const index = Math.floor(hashesAtLevel(level, size) / TILE_WIDTH);
    if (hashesAtLevel(level, size) % TILE_WIDTH > 0) partials.set(level, await readTile(read, level, index, size));
  }
  const tree = restoreTileTree(size, partials);
  if (!hashesEqual(tree.root(), root))
    throw damaged(`the right edge of ${logPrefix(shard)} does not have the root of its checkpoint`);
  const entries = size % TILE_WIDTH === 0 ? [] : await readBundle(read, Math.floor(size / TILE_WIDTH), size);
  const leaves = partials.get(0) ?? new Uint8Array();
  if (!hashesEqual(Buffer.concat(entries.map(leafHash)), leaves)) {
    throw damaged(`the last entries of ${logPrefix(shard)} do not hash to its tiles`);
  }
  return { tree, entries, version: stored.version };
}

/** What the key signed last, if the log is not yet that far; a log that is further must extend it. */
async function readLastSigned(key: SigningKey, edge: Edge, read: ReadObject): Promise<Checkpoint | null> {
  const note = await key.lastSigned.load();
  if (note === null) return null;
  const signed = openCheckpoint(note, [parseVerifierKey(key.verifierKey)]);
  if (signed.size > edge.tree.size) return signed;
  const proof = await consistencyProof(read, signed.size, edge.tree.size);
  if (!verifyConsistency(signed.size, edge.tree.size, signed.root, edge.tree.root(), proof)) {
    throw damaged(`the log of ${edge.tree.size} entries is not the one whose first ${signed.size} its key has signed`);
  }
  return signed;
}

function setBack(prefix: string, edge: Edge, signed: Checkpoint): StorageError {
  return damaged(
    `${prefix} holds ${edge.tree.size} entries, but its key has signed ${signed.size} already: the store was set back. ` +
      "Restore it; or move the store, the key and the key's .signed file away together to start another log",
  );
}

function grow(edge: Edge, entries: readonly Uint8Array[]): Extension {
  const files: LogFile[] = [];
  const tree = edge.tree.fork(({ level, index, bytes }) => files.push({ path: tilePath(level, index), bytes }));
  const hashLeaf = createLeafHasher();
  const leaves = entries.map(hashLeaf);
  for (const leaf of leaves) tree.append(leaf);
  for (const { level, index, width, bytes } of tree.partialTiles()) {
    const unchanged = hashesAtLevel(level, tree.size) === hashesAtLevel(level, edge.tree.size);
    if (!unchanged) files.push({ path: tilePath(level, index, width), bytes });
  }
  const unbundled = [...edge.entries, ...entries];
  const firstBundle = Math.floor(edge.tree.size / TILE_WIDTH);
  for (let begin = 0; begin < unbundled.length; begin += TILE_WIDTH) {
    const bundle = unbundled.slice(begin, begin + TILE_WIDTH);
    const path = entryBundlePath(firstBundle + begin / TILE_WIDTH, bundle.length);
    files.push({ path, bytes: encodeEntryBundle(bundle) });
  }
  return { tree, entries, leaves, files };
}

/** Nothing is signed before the store has shown that it holds it: all is read again, and the root derived from the tiles read. */
async function checkReadBack(read: ReadObject, edge: Edge, { tree, files }: Extension): Promise<void> {
  const stored = await inParallel(PARALLEL_OBJECTS, files, async ({ path, bytes }) => {
    const found = await read(path);
    if (found === null || Buffer.compare(found, bytes) !== 0) throw damaged(`${path} was written and reads otherwise`);
    return found;
  });
  const upper = new Map<string, Uint8Array>();
  const again = edge.tree.fork(({ level, index, bytes }) => upper.set(tilePath(level, index), bytes));
  for (const { path, bytes } of files.map(({ path }, i) => ({ path, bytes: stored[i] ?? new Uint8Array() }))) {
    const place = parseTilePath(path);
    if (place?.level !== 0) continue;
    const known = again.size - place.index * TILE_WIDTH;
    for (let at = known; at < place.width; at++) again.append(bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
  }
  for (const { level, index, width, bytes } of again.partialTiles()) upper.set(tilePath(level, index, width), bytes);
  const differs = files.some(({ path }, i) => upper.has(path) && !sameBytes(upper.get(path), stored[i]));
  if (differs || again.size !== tree.size || !hashesEqual(again.root(), tree.root())) {
    throw damaged("the tiles that the store holds do not have the root that was computed: broken memory?");
  }
}

/** A crash before this leaves the old checkpoint, which is still true of the log; after it, the new one. */
async function publish(
  objects: Objects,
  path: string,
  note: Uint8Array,
  expected: ObjectVersion | null,
): Promise<ObjectVersion> {
  try {
    return await objects.compareAndSet(path, note, expected);
  } catch (error) {
    if (!(error instanceof StorageError && error.code === "conflict")) throw error;
    // An attempt whose answer was lost may have won: signatures are deterministic, so its bytes tell.
    const stored = await objects.readVersioned(path);
    if (stored !== null && Buffer.compare(stored.bytes, note) === 0) return stored.version;
    throw new StorageError("damaged", `${path} was changed by another writer`, error);
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

function damaged(message: string): StorageError {
  return new StorageError("damaged", message);
}
