import { entryBundlePath, hashesAtLevel, partialPrefix, TILE_WIDTH, tilePath } from "@runledger/contract";
import type { Objects } from "@runledger/storage";

/** Partial forms of tiles and bundles, to be removed when the full one is there: https://c2sp.org/tlog-tiles, "Partial Tiles". */
export interface PartialFiles {
  /**
   * After the files of a batch are published: removes the partial forms of those that are full. A crash, or a failure, leaves some for ever, which is harmless.
   * @param files paths relative to the log's root.
   */
  removeOfFull(files: readonly { path: string }[]): Promise<void>;
}

/** Of a log that is opened at a size: which ones lie there from before has to be looked up, once a tile; those of this writer it remembers. */
export function createPartialFiles(objects: Objects, prefix: string, size: number): PartialFiles {
  /** Full forms of the tiles at the right edge. */
  const fromBefore = new Set(edgePaths(size));
  const written = new Map<string, Set<string>>();

  return {
    removeOfFull: async (files) => {
      for (const { path } of files) {
        const [full = ""] = path.split(".p/");
        if (full !== path) written.set(full, (written.get(full) ?? new Set()).add(path));
      }
      for (const { path } of files) {
        if (path.includes(".p/")) continue;
        const gone = [...(written.get(path) ?? [])].map((partial) => prefix + partial);
        if (fromBefore.delete(path))
          for await (const partial of objects.list(prefix + partialPrefix(path))) gone.push(partial.path);
        for (const partial of new Set(gone)) await objects.delete(partial);
        written.delete(path);
      }
    },
  };
}

function* edgePaths(size: number): Generator<string> {
  if (size % TILE_WIDTH > 0) yield entryBundlePath(Math.floor(size / TILE_WIDTH));
  for (let level = 0; hashesAtLevel(level, size) > 0; level++) {
    const hashes = hashesAtLevel(level, size);
    if (hashes % TILE_WIDTH > 0) yield tilePath(level, Math.floor(hashes / TILE_WIDTH));
  }
}
