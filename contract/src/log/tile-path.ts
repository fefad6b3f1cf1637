/** Entries of a bundle, and hashes of a tile: https://c2sp.org/tlog-tiles. */
export const TILE_WIDTH = 256;

/** Where a log's latest signed checkpoint lies, below the log's root like all paths here. */
export const CHECKPOINT_PATH = "checkpoint";

/** `tile/<L>/<N>[.p/<W>]`; `width` below 256 is a partial tile. */
export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  if (!Number.isInteger(level) || level < 0 || level > 63) throw new RangeError(`no tile level ${level}`);
  return `tile/${level}/${tileNumber(index, width)}`;
}

/** `tile/entries/<N>[.p/<W>]`. */
export function entryBundlePath(index: number, width: number = TILE_WIDTH): string {
  return `tile/entries/${tileNumber(index, width)}`;
}

/** The prefix that the partial forms of a full tile's path share. */
export function partialPrefix(fullPath: string): string {
  return `${fullPath}.p/`;
}

/** The parts of a path made by `tilePath` or `entryBundlePath`; null for every other text. */
export function parseTilePath(path: string): { level: number | "entries"; index: number; width: number } | null {
  const match = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (match === null) return null;
  const level = match[1] === "entries" ? "entries" : Number(match[1]);
  const index = Number((match[2] ?? "").replaceAll(/[x/]/g, ""));
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3]);
  if (!Number.isSafeInteger(index) || (level !== "entries" && level > 63)) return null;
  if (match[3] !== undefined && width >= TILE_WIDTH) return null;
  const made = level === "entries" ? entryBundlePath(index, width) : tilePath(level, index, width);
  return made === path ? { level, index, width } : null;
}

/** How many hashes stand at a tile level of a tree: floor(size / 256^level). */
export function hashesAtLevel(level: number, treeSize: number): number {
  return Math.floor(treeSize / TILE_WIDTH ** level);
}

/** The width of tile `index` at a level of a tree; 0 when the tree has no such tile. */
export function tileWidth(level: number, index: number, treeSize: number): number {
  return Math.max(0, Math.min(TILE_WIDTH, hashesAtLevel(level, treeSize) - index * TILE_WIDTH));
}

function tileNumber(index: number, width: number): string {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`no tile ${index}`);
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) throw new RangeError(`no tile of ${width} hashes`);
  let path = String(index % 1000).padStart(3, "0");
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  }
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}
