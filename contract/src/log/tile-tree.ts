import { foldRoots, HASH_BYTES, type Hash, nodeHash, perfectSubtrees } from "./merkle.ts";
import { hashesAtLevel, TILE_WIDTH } from "./tile-path.ts";

/** A tile's place and its hashes, one after the other. */
export interface Tile {
  level: number;
  index: number;
  width: number;
  bytes: Uint8Array;
}

/** The right edge of a tiled Merkle tree: all that appending needs, at most 255 hashes a tile level. */
export interface TileTree {
  readonly size: number;
  append(leaf: Hash): void;
  root(): Hash;
  /** The rightmost tile of each level where it is not full, lowest level first. */
  partialTiles(): Tile[];
  /** A tree of its own that starts out the same; `onFullTile` is told of the tiles that fill up in it. */
  fork(onFullTile?: (tile: Tile) => void): TileTree;
}

/** Tree levels in a tile: 2^8 = 256. */
const TILE_HEIGHT = 8;

export function createTileTree(onFullTile?: (tile: Tile) => void): TileTree {
  return tileTree(0, [], [], onFullTile);
}

/**
 * The tree of `size` leaves from the bytes of its partial tiles, lowest level first; levels whose width is 0 have none.
 * The caller compares its root with a signed one before trusting it.
 */
export function restoreTileTree(size: number, partials: ReadonlyMap<number, Uint8Array>): TileTree {
  const edges: Edge[] = [];
  const subtrees: Hash[] = [];
  for (let level = 0; level === 0 || hashesAtLevel(level, size) > 0; level++) {
    const width = hashesAtLevel(level, size) % TILE_WIDTH;
    const bytes = partials.get(level) ?? new Uint8Array();
    if (bytes.length !== width * HASH_BYTES) throw new RangeError(`the edge of level ${level} needs ${width} hashes`);
    const edge = {
      bytes: Buffer.alloc(TILE_WIDTH * HASH_BYTES),
      width,
      index: Math.floor(hashesAtLevel(level, size) / TILE_WIDTH),
    };
    edge.bytes.set(bytes);
    edges.push(edge);
    subtrees.unshift(
      ...perfectSubtrees({ begin: 0, end: width }).map((node) => tileNode(bytes, node.level, node.index)),
    );
  }
  return tileTree(size, edges, subtrees, undefined);
}

/** The hash of node `index`, `level` (0 … 8) above a tile's own hashes. */
export function tileNode(tile: Uint8Array, level: number, index: number): Hash {
  if (level === 0) return tile.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  return nodeHash(tileNode(tile, level - 1, 2 * index), tileNode(tile, level - 1, 2 * index + 1));
}

interface Edge {
  bytes: Buffer;
  width: number;
  index: number;
}

function tileTree(
  size: number,
  edges: Edge[],
  subtrees: Hash[],
  onFullTile: ((tile: Tile) => void) | undefined,
): TileTree {
  /** Adds a hash to the rightmost tile of a level. */
  const put = (level: number, hash: Hash): void => {
    let edge = edges[level];
    if (edge === undefined) {
      edge = { bytes: Buffer.alloc(TILE_WIDTH * HASH_BYTES), width: 0, index: 0 };
      edges[level] = edge;
    }
    edge.bytes.set(hash, edge.width * HASH_BYTES);
    edge.width++;
    if (edge.width < TILE_WIDTH) return;
    onFullTile?.({ level, index: edge.index, width: TILE_WIDTH, bytes: Buffer.from(edge.bytes) });
    edge.width = 0;
    edge.index++;
  };

  return {
    get size() {
      return size;
    },
    append: (leaf) => {
      put(0, leaf);
      let node = leaf;
      // Each trailing one bit of the size is a perfect subtree that the new one completes to the next larger.
      for (let rest = size, level = 1; rest % 2 === 1; rest = (rest - 1) / 2, level++) {
        const left = subtrees.pop();
        if (left === undefined) throw new Error("a tile tree lost its left side");
        node = nodeHash(left, node);
        if (level % TILE_HEIGHT === 0) put(level / TILE_HEIGHT, node);
      }
      subtrees.push(node);
      size++;
    },
    root: () => foldRoots(subtrees),
    partialTiles: () =>
      edges.flatMap(({ bytes, width, index }, level) =>
        width === 0 ? [] : [{ level, index, width, bytes: Buffer.from(bytes.subarray(0, width * HASH_BYTES)) }],
      ),
    fork: (onFull) =>
      tileTree(
        size,
        edges.map((edge) => ({ ...edge, bytes: Buffer.from(edge.bytes) })),
        [...subtrees],
        onFull,
      ),
  };
}
