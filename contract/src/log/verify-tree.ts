import { LogError } from "./log-error.ts";
import { type ReadObject, readAhead, readBundle, readTile } from "./log-reader.ts";
import { HASH_BYTES, type Hash, hashesEqual, leafHash } from "./merkle.ts";
import { entryBundlePath, TILE_WIDTH, tilePath, tileWidth } from "./tile-path.ts";
import { createTileTree, type Tile, type TileTree } from "./tile-tree.ts";
import type { Findings } from "./verification.ts";

/** What the tree is measured against, and who is told of what is seen on the way. */
export interface TreeCheck {
  size: number;
  root: Hash;
  /** Called after each leaf with the tree so far. */
  onLeaf(tree: TileTree): Promise<void>;
  onEntry(index: number, entry: Uint8Array): Promise<void>;
  /** A tile or bundle that the tree has, as it must be: for comparing its partial forms. */
  onTile(fullPath: string, width: number, bytesOfWidth: (width: number) => Uint8Array): Promise<void>;
}

interface LoadedBundle {
  entries: Uint8Array[] | null;
  /** The level 0 tile's hashes. */
  hashes: Hash[] | null;
}

/**
 * Makes the whole tree anew from the entries and compares every stored tile and the root. Where an entry and its tile differ the
 * signed root tells which of them was changed: a second tree is grown from the tiles from there on.
 */
export async function verifyTree(read: ReadObject, check: TreeCheck, findings: Findings): Promise<void> {
  const full: Tile[] = [];
  const tree = createTileTree((tile) => full.push(tile));
  let treeOfTiles: TileTree | null = null;
  const disputed: { index: number; path: string }[] = [];
  const wrongTiles: string[] = [];

  const compareTile = async ({ level, index, width, bytes }: Tile): Promise<void> => {
    if (level === 0) return;
    const path = tilePath(level, index, width);
    const stored = await orFinding(findings, path, () => readTile(read, level, index, check.size));
    if (stored !== null && !hashesEqual(stored, bytes)) wrongTiles.push(path);
    await check.onTile(tilePath(level, index), width, (part) => bytes.subarray(0, part * HASH_BYTES));
  };

  const bundles = readAhead(0, Math.ceil(check.size / TILE_WIDTH), (index) =>
    loadBundle(read, index, check.size, findings),
  );
  for await (const { index: bundle, value } of bundles) {
    const { entries, hashes } = value;
    const leaves = entries?.map(leafHash) ?? hashes;
    if (leaves === null) return;
    const begin = bundle * TILE_WIDTH;
    const wrong =
      hashes === null ? [] : leaves.flatMap((leaf, i) => (hashesEqual(leaf, hashes[i] ?? leaf) ? [] : [begin + i]));
    if (wrong.length > 0) treeOfTiles ??= tree.fork();
    const path = tilePath(0, bundle, leaves.length);
    for (const index of wrong) if (disputed.length < TILE_WIDTH) disputed.push({ index, path });
    for (const [i, leaf] of leaves.entries()) {
      tree.append(leaf);
      treeOfTiles?.append(hashes?.[i] ?? leaf);
      await check.onLeaf(tree);
    }
    for (const [i, entry] of (entries ?? []).entries()) await check.onEntry(begin + i, entry);
    await reportParts(check, bundle, leaves, entries);
    for (const tile of full.splice(0)) await compareTile(tile);
  }
  for (const tile of tree.partialTiles()) await compareTile(tile);
  judge(tree, treeOfTiles, check, { disputed, wrongTiles }, findings);
}

function judge(
  tree: TileTree,
  treeOfTiles: TileTree | null,
  check: TreeCheck,
  { disputed, wrongTiles }: { disputed: { index: number; path: string }[]; wrongTiles: string[] },
  findings: Findings,
): void {
  if (hashesEqual(tree.root(), check.root)) {
    for (const { index, path } of disputed) {
      findings.add("TAMPERED", path, `its hash of entry ${index} was changed; the entry is as it was signed`);
    }
    for (const path of wrongTiles) findings.add("TAMPERED", path, "it does not hold the hashes of the tiles below it");
    return;
  }
  const tilesAreRight = treeOfTiles !== null && hashesEqual(treeOfTiles.root(), check.root);
  for (const { index, path } of disputed) {
    const what = tilesAreRight
      ? "it is not the entry that was signed"
      : `it does not hash to what ${path} holds, and neither fits the root`;
    findings.add("TAMPERED", `entry ${index}`, what);
  }
  findings.add("TAMPERED", "root", `the ${check.size} entries do not have the root of the checkpoint`);
}

async function reportParts(
  check: TreeCheck,
  bundle: number,
  leaves: readonly Hash[],
  entries: readonly Uint8Array[] | null,
): Promise<void> {
  await check.onTile(tilePath(0, bundle), leaves.length, (width) => Buffer.concat(leaves.slice(0, width)));
  if (entries === null) return;
  await check.onTile(entryBundlePath(bundle), leaves.length, (width) =>
    Buffer.concat(
      entries.slice(0, width).flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 0xff), entry]),
    ),
  );
}

async function loadBundle(read: ReadObject, index: number, size: number, findings: Findings): Promise<LoadedBundle> {
  const width = tileWidth(0, index, size);
  const [entries, tile] = await Promise.all([
    orFinding(findings, entryBundlePath(index, width), () => readBundle(read, index, size)),
    orFinding(findings, tilePath(0, index, width), () => readTile(read, 0, index, size)),
  ]);
  const hashes = tile && Array.from({ length: width }, (_, i) => tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  return { entries, hashes };
}

/** What was read, or null after noting what is wrong with it. */
export async function orFinding<Result>(
  findings: Findings,
  where: string,
  read: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add(error.code === "missing" ? "INCOMPLETE" : "TAMPERED", where, error.message);
    return null;
  }
}
