import fc from "fast-check";
import { expect, test } from "vitest";
import { type ReadObject, readTile } from "./log-reader.ts";
import { foldRoots, type Hash, leafHash, nodeHash, verifyConsistency, verifyInclusion } from "./merkle.ts";
import { consistencyProof, inclusionProof } from "./proof.ts";
import { hashesAtLevel, TILE_WIDTH, tilePath } from "./tile-path.ts";
import { createTileTree, restoreTileTree, type TileTree } from "./tile-tree.ts";

const LEAVES = Array.from({ length: 70_000 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

/** RFC 6962's root, level by level. */
function naiveRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length < 2) return foldRoots(leaves);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

function grow(size: number): { tree: TileTree; read: ReadObject } {
  const tiles = new Map<string, Uint8Array>();
  const tree = createTileTree((tile) => tiles.set(tilePath(tile.level, tile.index), tile.bytes));
  for (const leaf of LEAVES.slice(0, size)) tree.append(leaf);
  for (const tile of tree.partialTiles()) tiles.set(tilePath(tile.level, tile.index, tile.width), tile.bytes);
  return { tree, read: async (path) => tiles.get(path) ?? null };
}

test("a tree of 70,000 has the tiles that the specification counts", () => {
  const { tree } = grow(70_000);
  expect(tree.partialTiles().map(({ level, index, width }) => [level, index, width])).toEqual([
    [0, 273, 112],
    [1, 1, 17],
    [2, 0, 1],
  ]);
});

test.each([0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537])(
  "a tree of %i has the root of RFC 6962, restored from its tiles too",
  async (size) => {
    const { tree, read } = grow(size);
    const root = Buffer.from(naiveRoot(LEAVES.slice(0, size))).toString("hex");
    expect(Buffer.from(tree.root()).toString("hex")).toBe(root);
    const partials = new Map<number, Uint8Array>();
    for (let level = 0; hashesAtLevel(level, size) > 0; level++) {
      const index = Math.floor(hashesAtLevel(level, size) / TILE_WIDTH);
      if (hashesAtLevel(level, size) % TILE_WIDTH > 0) partials.set(level, await readTile(read, level, index, size));
    }
    const restored = restoreTileTree(size, partials);
    expect(Buffer.from(restored.root()).toString("hex")).toBe(root);
    const [grown, restoredGrown] = [tree.fork(), restored.fork()];
    for (const leaf of LEAVES.slice(0, 300)) {
      grown.append(leaf);
      restoredGrown.append(leaf);
    }
    expect(restoredGrown.root()).toEqual(grown.root());
    expect(restoredGrown.partialTiles()).toEqual(grown.partialTiles());
    expect(Buffer.from(tree.root()).toString("hex")).toBe(root);
  },
);

test("proofs from tiles verify, across tile levels", async () => {
  const size = 66_000;
  const { tree, read } = grow(size);
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: size - 1 }), async (index) => {
      const proof = await inclusionProof(read, index, size);
      expect(verifyInclusion(LEAVES[index] as Hash, index, size, proof, tree.root())).toBe(true);
      const older = grow(index).tree.root();
      expect(verifyConsistency(index, size, older, tree.root(), await consistencyProof(read, index, size))).toBe(true);
    }),
    { numRuns: 8 },
  );
});
