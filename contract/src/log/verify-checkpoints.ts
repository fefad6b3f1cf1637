import { type Checkpoint, openCheckpoint, unverifiedCheckpoint } from "./checkpoint.ts";
import { LogError } from "./log-error.ts";
import type { ReadObject } from "./log-reader.ts";
import { hashesEqual } from "./merkle.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { entryBundlePath, parseTilePath, partialPrefix, TILE_WIDTH, tilePath, tileWidth } from "./tile-path.ts";
import type { TileTree } from "./tile-tree.ts";
import type { Findings } from "./verification.ts";

/** Paths below a prefix, ascending; relative to the log's root. */
export type ListPaths = (prefix: string) => AsyncIterable<string>;

/** Where the writer keeps every checkpoint it published, by size. */
const DATED_PREFIX = "checkpoints/";
/** A writer publishes the dated one first, and the log's own just after it. */
export const PUBLISHING_MS = [50, 250];

/** Compares the growing tree with the checkpoints stored beside it, and partial tiles with what they were partial forms of. */
export interface StoredCheckpoints {
  compare(tree: TileTree): Promise<void>;
  comparePartials(fullPath: string, width: number, bytesOfWidth: (width: number) => Uint8Array): Promise<void>;
  /** After the last leaf: are all there that must be? */
  finish(latestSize: () => Promise<number>): Promise<void>;
  readonly checked: number;
}

export async function createStoredCheckpoints(
  read: ReadObject,
  list: ListPaths,
  head: Checkpoint,
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): Promise<StoredCheckpoints> {
  const paths = list(DATED_PREFIX)[Symbol.asyncIterator]();
  let next = await nextDated(paths);
  let checked = 0;
  /** Sizes whose level 0 tile is not full yet: there the partial tiles and the checkpoints must tell the same story. */
  const recent = new Set<number>();
  const edge = head.size - (head.size % TILE_WIDTH);
  const partialSizes = new Set<number>();
  const required = new Set<string>();

  const compare = async (tree: TileTree): Promise<void> => {
    while (next !== null && next.size === tree.size) {
      checked++;
      const note = await read(next.path);
      if (note !== null) checkDated(next.path, note, tree, head, verifiers, findings);
      if (tree.size >= edge) recent.add(tree.size);
      await requirePartials(tree.size);
      next = await nextDated(paths);
    }
  };
  /** A checkpoint's partial tiles stay until the full ones are there: https://c2sp.org/tlog-tiles, "Partial Tiles". */
  const requirePartials = async (size: number): Promise<void> => {
    for (const path of partialPathsOf(size, head.size)) {
      if (required.has(path)) continue;
      required.add(path);
      // On a log that grows meanwhile the full tile may have taken its place.
      if ((await read(path)) !== null || (await read(path.replace(/\.p\/\d+$/, ""))) !== null) continue;
      findings.add("INCOMPLETE", path, `it is missing; the checkpoint of size ${size} needs it`);
    }
  };
  return {
    compare,
    comparePartials: async (fullPath, width, bytesOfWidth) => {
      for await (const path of list(partialPrefix(fullPath))) {
        const place = parseTilePath(path);
        if (place === null || place.width > width) continue;
        const stored = await read(path);
        if (stored !== null && Buffer.compare(stored, bytesOfWidth(place.width)) !== 0) {
          findings.add("TAMPERED", path, "it is not the beginning of the tile that it became");
        }
        const size = place.index * TILE_WIDTH + place.width;
        if (size > edge && (place.level === 0 || place.level === "entries")) partialSizes.add(size);
      }
    },
    finish: async (latestSize) => {
      for (const size of [...partialSizes, ...(head.size > 0 ? [head.size] : [])]) {
        if (recent.has(size)) continue;
        findings.add(
          "INCOMPLETE",
          `${DATED_PREFIX}…${size}`,
          `the checkpoint of size ${size} was published and is not stored`,
        );
        recent.add(size);
      }
      if (next === null) return;
      let last = next;
      for (let more = await nextDated(paths); more !== null; more = await nextDated(paths)) last = more;
      // A log that grows while it is read has newer ones; one that stays shorter than what it published was cut.
      for (const waitMs of PUBLISHING_MS) {
        if ((await latestSize()) >= last.size) return;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
      if ((await latestSize()) >= last.size) return;
      const what = `a checkpoint of size ${last.size} was published, so entries ${head.size} to ${last.size - 1} are missing (a collector killed while publishing completes this at its next start)`;
      findings.add("INCOMPLETE", last.path, what);
    },
    get checked() {
      return checked;
    },
  };
}

function checkDated(
  path: string,
  note: Uint8Array,
  tree: TileTree,
  head: Checkpoint,
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): void {
  try {
    const dated = verifiers.length === 0 ? unverifiedCheckpoint(note) : openCheckpoint(note, verifiers);
    const same = dated.origin === head.origin && dated.size === tree.size && hashesEqual(dated.root, tree.root());
    if (!same)
      findings.add(
        "TAMPERED",
        path,
        `the log as it is does not extend this checkpoint of ${dated.origin}, size ${dated.size}`,
      );
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add(error.code === "untrusted" ? "UNTRUSTED" : "TAMPERED", path, error.message);
  }
}

/** The partial tiles and bundle of a tree that are not full in the later one either. */
function partialPathsOf(size: number, laterSize: number): string[] {
  const paths: string[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const index = Math.floor(hashes / TILE_WIDTH);
    const width = hashes % TILE_WIDTH;
    if (width === 0 || tileWidth(level, index, laterSize) === TILE_WIDTH) continue;
    paths.push(tilePath(level, index, width));
    if (level === 0) paths.push(entryBundlePath(index, width));
  }
  return paths;
}

async function nextDated(paths: AsyncIterator<string>): Promise<{ path: string; size: number } | null> {
  for (;;) {
    const { done, value } = await paths.next();
    if (done === true) return null;
    const size = /^checkpoints\/(\d{15})$/.exec(value)?.[1];
    if (size !== undefined) return { path: value, size: Number(size) };
  }
}
