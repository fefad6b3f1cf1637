/** Object paths of everything that is not a tile (those: `log/tile-path.ts`). Writer and readers share these functions. */

/** A pack: payloads one after the other, nothing between; its name is its sha256. */
export function packPath(shard: string, packSha256: string): string {
  return `payloads/${shard}/${packSha256.slice(0, 2)}/${packSha256}`;
}

/** The prefix of a shard's tlog-tiles log: `checkpoint`, `tile/…` below it. */
export function logPrefix(shard: string): string {
  return `log/${shard}/`;
}

/** The staged batch that extends the log from `treeSize`; gone once its checkpoint is published. */
export function stagingPath(shard: string, treeSize: number): string {
  return `${logPrefix(shard)}staging/${String(treeSize).padStart(15, "0")}`;
}

/** The signed checkpoints that were published, kept for ever, one per object. */
export function datedCheckpointPath(shard: string, treeSize: number): string {
  return `${logPrefix(shard)}checkpoints/${String(treeSize).padStart(15, "0")}`;
}

/** A small document of state, changed by compare-and-set. */
export function statePath(name: string): string {
  return `state/${name}.json`;
}

const MUTABLE = /(?:^|\/)(?:checkpoint$|staging\/)|\.p\/|^state\//;

/** Is what lies there written once and kept? The rest is replaced or removed: a log's `checkpoint`, partial tiles, staging, state. */
export function isEvidencePath(path: string): boolean {
  return !MUTABLE.test(path);
}
