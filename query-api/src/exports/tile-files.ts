import { hashesAtLevel, readTile, TILE_WIDTH, tilePath } from "@runledger/contract";
import type { ExportLog } from "./export-log.ts";
import type { TarFolder } from "./tar-writer.ts";

/** The tiles of a bundle: each once, the one above it before it. */
export interface TileFiles {
  /** The partial tiles of the tree, and those that hold the edge of an earlier, smaller one. */
  writeEdges(earlierSize: number | null): Promise<void>;
  /** The tiles of level 0 at these indexes, ascending, with all above them; those that are there already are not written again. */
  write(indexes: readonly number[]): Promise<void>;
}

interface Place {
  level: number;
  index: number;
}

export function createTileFiles({ read, checkpoint: { size } }: ExportLog, tar: TarFolder): TileFiles {
  const written = new Set<string>();
  let lastLeafTile = -1;

  const isWritten = ({ level, index }: Place): boolean =>
    written.has(`${level}/${index}`) || (level === 0 && index <= lastLeafTile);

  const writeAll = async (places: readonly Place[]): Promise<void> => {
    for (const { level, index } of places.toSorted((a, b) => b.level - a.level || a.index - b.index)) {
      if (isWritten({ level, index })) continue;
      const width = Math.min(TILE_WIDTH, hashesAtLevel(level, size) - index * TILE_WIDTH);
      await tar.file(tilePath(level, index, width), await readTile(read, level, index, size));
      written.add(`${level}/${index}`);
    }
  };
  return {
    async writeEdges(earlierSize) {
      await writeAll(edgeOf(size));
      if (earlierSize !== null) await writeAll(withParents(edgeOf(earlierSize), size));
    },
    async write(indexes) {
      await writeAll(
        withParents(
          indexes.map((index) => ({ level: 0, index })),
          size,
        ),
      );
      // They ascend, so the last is enough to remember.
      const last = indexes.at(-1);
      if (last === undefined) return;
      lastLeafTile = Math.max(lastLeafTile, ...(isEdge(last, size) ? [] : [last]));
      for (const index of indexes) if (!isEdge(index, size)) written.delete(`0/${index}`);
    },
  };
}

/** Where the partial tiles of a tree of `size` lie. */
export function edgeOf(size: number): Place[] {
  const places: Place[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = hashesAtLevel(level, size)) {
    if (hashes % TILE_WIDTH > 0) places.push({ level, index: Math.floor(hashes / TILE_WIDTH) });
  }
  return places;
}

function isEdge(leafTile: number, size: number): boolean {
  return (leafTile + 1) * TILE_WIDTH > size;
}

/** With the tiles above them, up to those of the tree's edge, which the root vouches for. */
function withParents(places: readonly Place[], size: number): Place[] {
  const all = new Map<string, Place>();
  for (const place of places) {
    for (let { level, index } = place; ; level++, index = Math.floor(index / TILE_WIDTH)) {
      const key = `${level}/${index}`;
      if (all.has(key)) break;
      all.set(key, { level, index });
      if ((index + 1) * TILE_WIDTH > hashesAtLevel(level, size)) break;
    }
  }
  return [...all.values()];
}
