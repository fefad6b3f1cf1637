import { type Checkpoint, openCheckpoint, unverifiedCheckpoint } from "./checkpoint.ts";
import { LogError } from "./log-error.ts";
import { type ReadObject, readTile } from "./log-reader.ts";
import {
  consistencyRanges,
  foldRoots,
  HASH_BYTES,
  type Hash,
  inclusionRanges,
  type LeafRange,
  perfectSubtrees,
  verifyInclusion,
} from "./merkle.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { TILE_WIDTH } from "./tile-path.ts";
import { tileNode } from "./tile-tree.ts";

/** The proof that the entry at `index` is in the tree of `treeSize`, made from its tiles. @throws LogError `missing`, `malformed`. */
export async function inclusionProof(read: ReadObject, index: number, treeSize: number): Promise<Hash[]> {
  return rootsOf(read, inclusionRanges(index, treeSize), treeSize);
}

/** The proof that the tree of `from` entries is a prefix of that of `to`, made from the tiles of the larger. */
export async function consistencyProof(read: ReadObject, from: number, to: number): Promise<Hash[]> {
  return rootsOf(read, consistencyRanges(from, to), to);
}

/** What an auditor needs beside an entry to know that a signed log holds it: https://c2sp.org/tlog-proof. */
export interface TlogProof {
  index: number;
  proof: Hash[];
  /** The signed note, as it came. */
  checkpoint: Uint8Array;
}

const PROOF_HEADER = "c2sp.org/tlog-proof@v1";
const MAX_PROOF_HASHES = 64;

export function formatTlogProof({ index, proof, checkpoint }: TlogProof): string {
  const hashes = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
  return `${PROOF_HEADER}\nindex ${index}\n${hashes}\n${Buffer.from(checkpoint).toString()}`;
}

/** Takes a proof's text apart; nothing is verified. What its `extra` line says, if there is one, is ignored. @throws LogError `malformed`. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(split, 0)).split("\n");
  const header = lines.shift();
  const extra = lines[0]?.startsWith("extra ") === true ? lines.shift()?.slice("extra ".length) : undefined;
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "")?.[1];
  const proof = lines.map((line) => Buffer.from(line, "base64"));
  const canonical = proof.every((hash, i) => hash.length === HASH_BYTES && hash.toString("base64") === lines[i]);
  const isExtra = extra === undefined || (extra !== "" && Buffer.from(extra, "base64").toString("base64") === extra);
  if (header !== PROOF_HEADER || !isExtra || index === undefined || !canonical || proof.length > MAX_PROOF_HASHES) {
    throw new LogError("malformed", "not a c2sp.org/tlog-proof@v1");
  }
  const checkpoint = Buffer.from(text.slice(split + 2));
  unverifiedCheckpoint(checkpoint);
  return { index: Number(index), proof, checkpoint };
}

/**
 * Resolves what a proof proves about a leaf: the signed checkpoint whose tree holds it.
 * @throws LogError `untrusted` or `mismatch` when a signature or the proof fails.
 */
export function verifyTlogProof(tlogProof: TlogProof, leaf: Hash, verifiers: readonly NoteVerifier[]): Checkpoint {
  const checkpoint = openCheckpoint(tlogProof.checkpoint, verifiers);
  if (!verifyInclusion(leaf, tlogProof.index, checkpoint.size, tlogProof.proof, checkpoint.root)) {
    throw new LogError("mismatch", `the proof does not lead from entry ${tlogProof.index} to the root`);
  }
  return checkpoint;
}

/** Merkle tree hashes of leaf ranges. A proof touches few tiles, most of them twice, so they are kept while it is made. */
async function rootsOf(read: ReadObject, ranges: readonly LeafRange[], treeSize: number): Promise<Hash[]> {
  const tiles = new Map<string, Promise<Uint8Array>>();
  const tile = (level: number, index: number): Promise<Uint8Array> => {
    const key = `${level}/${index}`;
    const known = tiles.get(key) ?? readTile(read, level, index, treeSize);
    tiles.set(key, known);
    return known;
  };
  const node = async ({ level, index }: { level: number; index: number }): Promise<Hash> => {
    const tileLevel = Math.floor(level / 8);
    const above = level % 8;
    const nodesInTile = TILE_WIDTH / 2 ** above;
    return tileNode(await tile(tileLevel, Math.floor(index / nodesInTile)), above, index % nodesInTile);
  };
  return Promise.all(ranges.map(async (range) => foldRoots(await Promise.all(perfectSubtrees(range).map(node)))));
}
