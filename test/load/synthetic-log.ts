import { mkdir, open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { entryText, type NormalizedRecord } from "@runledger/collector";
import {
  CHECKPOINT_PATH,
  createLeafHasher,
  createTileTree,
  datedCheckpointPath,
  encodeEntryBundle,
  entryBundlePath,
  hashesAtLevel,
  logPrefix,
  signCheckpoint,
  TILE_WIDTH,
  type Tile,
  tilePath,
} from "@runledger/contract";
import type { SigningKey } from "@runledger/storage";

export interface SyntheticLog {
  entries: number;
  entryBytes: number;
  tileBytes: number;
  files: number;
}

/**
 * Writes a log of `size` entries as the collector would have left it, without contents and without an fsync: each is `facts` with ids of its own. A log of a million
 * entries is there in a minute, so that what comes after can be measured at that size.
 */
export async function writeSyntheticLog(
  root: string,
  shard: string,
  key: SigningKey,
  size: number,
  facts: NormalizedRecord["facts"],
): Promise<SyntheticLog> {
  const made: SyntheticLog = { entries: size, entryBytes: 0, tileBytes: 0, files: 0 };
  const tiles: Tile[] = [];
  const tree = createTileTree((tile) => tiles.push({ ...tile, bytes: Uint8Array.from(tile.bytes) }));
  const textOf = createEntryTexts(facts);
  const hashLeaf = createLeafHasher();
  const folders = new Set<string>();
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    const file = join(root, path);
    if (!folders.has(dirname(file))) await mkdir(dirname(file), { recursive: true });
    folders.add(dirname(file));
    await writeFile(file, bytes);
    made.files++;
  };
  const writeTiles = async (all: readonly Tile[], isFull: boolean): Promise<void> => {
    for (const { level, index, width, bytes } of all) {
      await write(logPrefix(shard) + (isFull ? tilePath(level, index) : tilePath(level, index, width)), bytes);
      made.tileBytes += bytes.length;
    }
  };
  for (let begin = 0; begin < size; begin += TILE_WIDTH) {
    const entries = Array.from({ length: Math.min(TILE_WIDTH, size - begin) }, (_, i) => textOf(begin + i));
    for (const entry of entries) tree.append(hashLeaf(entry));
    const bundle = encodeEntryBundle(entries);
    made.entryBytes += bundle.length;
    await write(logPrefix(shard) + entryBundlePath(begin / TILE_WIDTH, entries.length), bundle);
    await writeTiles(tiles.splice(0), true);
  }
  const partials = tree.partialTiles().filter(({ level }) => hashesAtLevel(level, size) > 0);
  await writeTiles(partials, false);
  const note = signCheckpoint(size, tree.root(), key.signer);
  await write(datedCheckpointPath(shard, size), note);
  await write(logPrefix(shard) + CHECKPOINT_PATH, note);
  await key.lastSigned.save(note);
  await syncAll(root);
  return made;
}

/** The entry with other ids: they are put into one text, which is faster than making each. */
function createEntryTexts(facts: NormalizedRecord["facts"]): (index: number) => Buffer {
  const [record, span] = ["f".repeat(64), "e".repeat(16)];
  const template = Buffer.from(
    entryText({ ...facts, record_id: record, step_id: span, conflict: false, payloads: {} }),
  );
  const [recordAt, spanAt] = [template.indexOf(record), template.indexOf(span)];
  return (index) => {
    const text = Buffer.from(template);
    const hex = index.toString(16);
    text.write(hex.padStart(64, "0"), recordAt, "latin1");
    text.write(hex.padStart(16, "0"), spanAt, "latin1");
    return text;
  };
}

/** What was not written yet must not be written while something is measured. */
async function syncAll(root: string): Promise<void> {
  const handle = await open(root, "r");
  await handle.sync();
  await handle.close();
}
