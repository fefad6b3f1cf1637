import {
  type Checkpoint,
  emptyRoot,
  type Findings,
  HASH_BYTES,
  type Hash,
  hashesAtLevel,
  hashesEqual,
  restoreTileTree,
  TILE_WIDTH,
  tileNode,
  tilePath,
} from "@runledger/contract";

/** The tiles of a bundle, each proven by the one above it, those of the edge by the root. */
export interface BundleTiles {
  add(place: { level: number; index: number; width: number }, bytes: Uint8Array): void;
  /** The hash that an entry must have; null, after a finding, when no tile tells. */
  leaf(index: number): Hash | null;
  /** Forgets tiles of level 0 that no later entry can need. */
  prune(): void;
  /** After the last tile. `since`: earlier checkpoints that must be beginnings of this tree. */
  finish(since: readonly Checkpoint[]): void;
}

/** `pinnedSizes`: earlier sizes whose edge is needed at the end. */
export function createBundleTiles(head: Checkpoint, pinnedSizes: readonly number[], findings: Findings): BundleTiles {
  const { size, root } = head;
  const tiles = new Map<string, Uint8Array>();
  const pinned = new Set(pinnedSizes.map((each) => Math.floor(each / TILE_WIDTH)));
  const reported = new Set<number>();
  let lastLeafTile = -1;
  let edgesChecked = false;

  const isEdge = (level: number, index: number): boolean => (index + 1) * TILE_WIDTH > hashesAtLevel(level, size);
  const key = (level: number, index: number): string => `${level}/${index}`;

  const checkEdges = (): void => {
    if (edgesChecked) return;
    edgesChecked = true;
    const edges = edgeTiles(size, (level, index) => tiles.get(key(level, index)));
    for (const path of edges.missing) findings.add("INCOMPLETE", path, "it is missing; the root is made from it");
    if (edges.missing.length > 0) return;
    if (hashesEqual(restoreTileTree(size, edges.partials).root(), root)) return;
    findings.add("TAMPERED", "checkpoint", "its root is not that of the tiles");
  };
  const addFull = (level: number, index: number, bytes: Uint8Array): void => {
    const path = tilePath(level, index);
    const parent = tiles.get(key(level + 1, Math.floor(index / TILE_WIDTH)));
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    const expected = parent?.subarray(at, at + HASH_BYTES);
    if (expected === undefined || expected.length === 0) {
      findings.add("INCOMPLETE", path, "the tile above it is missing");
    } else if (!hashesEqual(tileNode(bytes, 8, 0), expected)) {
      findings.add("TAMPERED", path, "it is not what the tile above it says");
    } else tiles.set(key(level, index), bytes);
  };
  return {
    add({ level, index, width }, bytes) {
      const path = tilePath(level, index, width);
      const isRightWidth = width === Math.min(TILE_WIDTH, hashesAtLevel(level, size) - index * TILE_WIDTH);
      if (!isRightWidth || bytes.length !== width * HASH_BYTES) {
        findings.add("TAMPERED", path, "this tree has no such tile, or of another length");
        return;
      }
      const isAgain = tiles.has(key(level, index)) || (level === 0 && index <= lastLeafTile);
      const edge = isEdge(level, index);
      if (isAgain || (edge && edgesChecked)) {
        findings.add("TAMPERED", path, "it is there twice, or out of order");
        return;
      }
      if (edge) {
        tiles.set(key(level, index), bytes);
        return;
      }
      checkEdges();
      addFull(level, index, bytes);
      if (level === 0 && !pinned.has(index)) lastLeafTile = index;
    },
    leaf(index) {
      checkEdges();
      const tile = Math.floor(index / TILE_WIDTH);
      const bytes = tiles.get(key(0, tile));
      const at = (index % TILE_WIDTH) * HASH_BYTES;
      if (bytes !== undefined && at < bytes.length) return bytes.subarray(at, at + HASH_BYTES);
      if (!reported.has(tile) && reported.size < TILE_WIDTH) {
        reported.add(tile);
        findings.add("INCOMPLETE", `tile/0 number ${tile}`, `it is missing or wrong; entry ${index} needs it`);
      }
      return null;
    },
    prune() {
      for (const name of tiles.keys()) {
        const [level, index] = name.split("/").map(Number);
        if (level !== 0 || index === undefined || index === lastLeafTile) continue;
        if (!pinned.has(index) && !isEdge(0, index)) tiles.delete(name);
      }
    },
    finish(since) {
      checkEdges();
      for (const each of since) {
        if (each.size > size) continue; // told when it was opened
        const expected = each.size === size ? root : earlierRoot(each.size, tiles, findings);
        if (expected !== null && !hashesEqual(expected, each.root))
          findings.add("TAMPERED", "checkpoint", `the log does not extend the earlier one of ${each.size} entries`);
      }
    },
  };
}

function earlierRoot(size: number, tiles: ReadonlyMap<string, Uint8Array>, findings: Findings): Hash | null {
  if (size === 0) return emptyRoot();
  const { partials, missing } = edgeTiles(size, (level, index, width) => {
    const bytes = tiles.get(`${level}/${index}`)?.subarray(0, width * HASH_BYTES);
    return bytes?.length === width * HASH_BYTES ? bytes : undefined;
  });
  if (missing.length === 0) return restoreTileTree(size, partials).root();
  const what = `it holds no tiles to compare with a checkpoint of ${size} entries: ask for them with since_checkpoint when you export`;
  findings.add("INCOMPLETE", "earlier checkpoint", what);
  return null;
}

/** The partial tiles of a tree of `size`, by level. */
function edgeTiles(size: number, find: (level: number, index: number, width: number) => Uint8Array | undefined) {
  const partials = new Map<number, Uint8Array>();
  const missing: string[] = [];
  for (let level = 0; hashesAtLevel(level, size) > 0; level++) {
    const hashes = hashesAtLevel(level, size);
    const width = hashes % TILE_WIDTH;
    if (width === 0) continue;
    const index = Math.floor(hashes / TILE_WIDTH);
    const bytes = find(level, index, width);
    if (bytes === undefined) missing.push(tilePath(level, index, width));
    else partials.set(level, bytes);
  }
  return { partials, missing };
}
