import {
  encodeEntryBundle,
  entriesPath,
  entryBundlePath,
  MAX_LINES_PER_ENTRIES_FILE,
  payloadBytesPath,
  payloadLinesPath,
  readEntries,
  TILE_WIDTH,
} from "@runledger/contract";
import type { ExportLog } from "./export-log.ts";
import type { PayloadPart } from "./payload-files.ts";
import type { TarFolder } from "./tar-writer.ts";
import type { TileFiles } from "./tile-files.ts";

/** Entries and payloads on their way into the bundle, a file's worth of each in memory. */
export interface EntryFiles {
  /** `addPayloads` puts what belongs to the entry into the part. Indexes ascend. */
  add(index: number, bytes: Uint8Array, addPayloads: (part: PayloadPart) => Promise<void>): Promise<void>;
  /** Writes what is left. */
  finish(): Promise<void>;
}

/** A file ends with the first entry beyond this, payloads included. */
const MAX_PART_BYTES = 16 * 1024 * 1024;

interface Part {
  entries: { index: number; bytes: Uint8Array }[];
  entryBytes: number;
  payloads: PayloadPart;
}

/** @param asLog every entry is added: they are written once more as tlog-tiles has them, a tile's before the first file that has some of them. */
export function createEntryFiles(
  tar: TarFolder,
  log: Pick<ExportLog, "read" | "checkpoint">,
  tiles: TileFiles,
  { content, asLog }: { content: boolean; asLog: boolean },
): EntryFiles {
  let part = newPart();
  let lastBundle = -1;

  const write = async (): Promise<void> => {
    const [first] = part.entries;
    if (first === undefined) return;
    const leafTiles = [...new Set(part.entries.map(({ index }) => Math.floor(index / TILE_WIDTH)))];
    await tiles.write(leafTiles);
    if (asLog) {
      await writeBundles(
        tar,
        log,
        leafTiles.filter((index) => index > lastBundle),
      );
      lastBundle = leafTiles.at(-1) ?? lastBundle;
    }
    const lines = part.entries.flatMap(({ index, bytes }) => [Buffer.from(`[${index},`), bytes, Buffer.from("]\n")]);
    await tar.file(entriesPath(first.index), Buffer.concat(lines));
    if (content && part.payloads.lines.length > 0) {
      await tar.file(payloadLinesPath(first.index), part.payloads.lines.join(""));
      await tar.file(payloadBytesPath(first.index), Buffer.concat(part.payloads.bytes));
    }
    part = newPart();
  };
  return {
    async add(index, bytes, addPayloads) {
      part.entries.push({ index, bytes });
      part.entryBytes += bytes.length;
      if (content) await addPayloads(part.payloads);
      const isFull =
        part.entries.length === MAX_LINES_PER_ENTRIES_FILE ||
        part.entryBytes + part.payloads.sizeBytes > MAX_PART_BYTES;
      if (isFull) await write();
    },
    finish: write,
  };
}

function newPart(): Part {
  return { entries: [], entryBytes: 0, payloads: { lines: [], bytes: [], sizeBytes: 0 } };
}

/** Read from the log: of a tile's entries some may not have been met yet. */
async function writeBundles(
  tar: TarFolder,
  { read, checkpoint: { size } }: Pick<ExportLog, "read" | "checkpoint">,
  tiles: readonly number[],
): Promise<void> {
  for (const tile of tiles) {
    const entries: Uint8Array[] = [];
    const first = tile * TILE_WIDTH;
    for await (const { entry } of readEntries(read, first, Math.min(first + TILE_WIDTH, size), size))
      entries.push(entry);
    await tar.file(entryBundlePath(tile, entries.length), encodeEntryBundle(entries));
  }
}
