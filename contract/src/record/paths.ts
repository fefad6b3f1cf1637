import { createHash } from "node:crypto";
import { DEFAULT_TENANT } from "../access/principal.ts";

/** Object paths of everything that is not a tile (those: `log/tile-path.ts`). Writer and readers share these functions. */

/** A pack: payloads one after the other, nothing between; its name is its sha256. */
export function packPath(shard: string, packSha256: string): string {
  return `payloads/${shard}/${packSha256.slice(0, 2)}/${packSha256}`;
}

/** What calls of a tenant were priced by, an object for each model of a price table, named by the sha256 of what it holds. */
export function pricedModelPath(tenant: string, table: { name: string; version: string }, sha256: string): string {
  return `${pricedModelsPrefix(tenant, table)}${sha256}.json`;
}

/** Names and versions are people's words: a folder has their hash. */
export function pricedModelsPrefix(tenant: string, { name, version }: { name: string; version: string }): string {
  const table = createHash("sha256")
    .update(JSON.stringify([name, version]))
    .digest("hex");
  return `prices/${tenant}/${table.slice(0, 16)}/`;
}

/** In the place of a shard's name: the log that takes the checkpoints of all shards. */
export const DIRECTORY = "directory";

/** The prefix of a shard's tlog-tiles log: `checkpoint`, `tile/…` below it. */
export function logPrefix(shard: string): string {
  return `log/${shard}/`;
}

/** The batch that was staged last, changed by compare-and-set: who stages the next one is the log's one writer. */
export function stagingPath(shard: string): string {
  return `${logPrefix(shard)}staging/batch`;
}

/** The signed checkpoints that were published, kept for ever, one per object. */
export function datedCheckpointPath(shard: string, treeSize: number): string {
  return `${logPrefix(shard)}checkpoints/${String(treeSize).padStart(15, "0")}`;
}

/** What others attest of a log's head of some size: a checkpoint with its witnesses' cosignatures, a time stamp. Kept for ever. */
export function anchorPath(log: string, treeSize: number, kind: "cosigned" | "tsr"): string {
  return `${anchorsPrefix(log)}${String(treeSize).padStart(15, "0")}.${kind}`;
}

export function anchorsPrefix(log: string): string {
  return `${logPrefix(log)}anchors/`;
}

/** The newest of the cosigned checkpoints, for readers that can't list; replaced. */
export function latestCosignedPath(log: string): string {
  return `${logPrefix(log)}cosigned`;
}

/** A small document of state, changed by compare-and-set. */
export function statePath(name: string): string {
  return `state/${name}.json`;
}

/** The same, of one tenant. */
export function tenantStatePath(tenant: string, name: string): string {
  return statePath(tenant === DEFAULT_TENANT ? name : `tenants/${tenant}/${name}`);
}

/** What opens all data keys, wrapped by the master key. */
export const KEY_ROOT_PATH = "keys/root.json";
/** Data keys that are being destroyed, and how often any were: writers look here before they use one that they remember. */
export const KEY_CHANGES_PATH = "keys/changes.json";

/** Wrapped data keys, some hundreds to an object; `ring`: eight hex digits, with which the ids of its keys begin. */
export function keyRingPath(ring: string): string {
  return `keys/rings/${ring}.json`;
}

const MUTABLE = /(?:^|\/)(?:checkpoint$|cosigned$|staging\/)|\.p\/|^(?:state|keys)\//;

/** Is what lies there written once and kept? The rest is replaced or removed: a log's `checkpoint`, partial tiles, staging, state, data keys. */
export function isEvidencePath(path: string): boolean {
  return !MUTABLE.test(path);
}

/** More than any object ever has, a pack of a single payload too: who reads somebody else's store takes no more than this into memory. */
export const MAX_OBJECT_BYTES = 640 * 1024 * 1024;
