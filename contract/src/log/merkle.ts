import crypto from "node:crypto";

/** A SHA-256 value, 32 bytes. */
export type Hash = Uint8Array;

export const HASH_BYTES = 32;

/** SHA-256 of nothing: the root of the empty tree (RFC 6962, section 2.1). */
export function emptyRoot(): Hash {
  return sha256(Buffer.of());
}

/** SHA-256(0x00 ‖ entry), RFC 6962, section 2.1. */
export function leafHash(entry: Uint8Array): Hash {
  const input = Buffer.allocUnsafe(1 + entry.length);
  input[0] = 0;
  input.set(entry, 1);
  return sha256(input);
}

/** `leafHash` for many entries: they take turns in one piece of memory. */
export function createLeafHasher(): (entry: Uint8Array) => Hash {
  let input = Buffer.alloc(1 + 0xffff);
  return (entry) => {
    if (entry.length >= input.length) input = Buffer.alloc(1 + entry.length);
    input.set(entry, 1);
    return sha256(input.subarray(0, 1 + entry.length));
  };
}

/** SHA-256(0x01 ‖ left ‖ right), RFC 6962, section 2.1. */
export function nodeHash(left: Hash, right: Hash): Hash {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) throw new RangeError("a node has two 32-byte hashes");
  const input = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
}

export function hashesEqual(a: Hash, b: Hash): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** The root of the subtrees that stand side by side, largest first: the right ones are joined first. */
export function foldRoots(subtrees: readonly Hash[]): Hash {
  const last = subtrees.at(-1);
  if (last === undefined) return emptyRoot();
  return subtrees.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** Does the proof lead from the leaf at `index` to the root of a tree of `size` leaves? RFC 9162, section 2.1.3.2. */
export function verifyInclusion(leaf: Hash, index: number, size: number, proof: readonly Hash[], root: Hash): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== HASH_BYTES) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      for (; node % 2 === 0 && node !== 0; node /= 2) last = half(last);
    } else {
      hash = nodeHash(hash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && hashesEqual(hash, root);
}

/** Is the tree of `from` leaves a prefix of the tree of `to` leaves? RFC 9162, section 2.1.4.2. */
export function verifyConsistency(
  from: number,
  to: number,
  fromRoot: Hash,
  toRoot: Hash,
  proof: readonly Hash[],
): boolean {
  if (!isCount(from) || !isCount(to) || from > to || proof.some((hash) => hash.length !== HASH_BYTES)) return false;
  if (from === to) return proof.length === 0 && hashesEqual(fromRoot, toRoot);
  if (from === 0) return proof.length === 0 && hashesEqual(fromRoot, emptyRoot());
  const [first, ...rest] = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof;
  if (first === undefined) return false;
  let node = from - 1;
  let last = to - 1;
  for (; node % 2 === 1; node = half(node)) last = half(last);
  let oldHash = first;
  let newHash = first;
  for (const hash of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldHash = nodeHash(hash, oldHash);
      newHash = nodeHash(hash, newHash);
      for (; node % 2 === 0 && node !== 0; node /= 2) last = half(last);
    } else {
      newHash = nodeHash(newHash, hash);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && hashesEqual(oldHash, fromRoot) && hashesEqual(newHash, toRoot);
}

/** Leaves [begin, end) whose Merkle tree hash is one element of a proof. */
export interface LeafRange {
  begin: number;
  end: number;
}

/** The ranges whose roots make PATH(index, D[size]), leaf's sibling first. RFC 6962, section 2.1.1. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError(`no leaf ${index} in ${size}`);
  const ranges: LeafRange[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + largestPowerOfTwoBelow(end - begin);
    if (index < middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  return ranges.reverse();
}

/** The ranges whose roots make PROOF(from, D[to]). RFC 6962, section 2.1.2. */
export function consistencyRanges(from: number, to: number): LeafRange[] {
  if (!isCount(from) || !isCount(to) || from > to) throw new RangeError(`no proof from ${from} to ${to} leaves`);
  if (from === 0 || from === to) return [];
  const ranges: LeafRange[] = [];
  let begin = 0;
  let end = to;
  while (end !== from) {
    const middle = begin + largestPowerOfTwoBelow(end - begin);
    if (from <= middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  if (begin !== 0) ranges.push({ begin, end });
  return ranges.reverse();
}

/** The perfect subtrees side by side that make up [begin, end), left to right: node `index` at `level` spans 2^level leaves. */
export function perfectSubtrees({ begin, end }: LeafRange): { level: number; index: number }[] {
  const subtrees: { level: number; index: number }[] = [];
  let at = begin;
  while (at < end) {
    let level = 0;
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      width *= 2;
      level++;
    }
    subtrees.push({ level, index: at / width });
    at += width;
  }
  return subtrees;
}

/** By way of a string: a hash that node:crypto hands out as a buffer costs twice as much, in memory of its own to be collected. */
function sha256(input: Uint8Array): Hash {
  return Buffer.from(crypto.hash("sha256", input, "binary"), "binary");
}

/** Counts beyond 32 bits are usual here, so no bit operators. */
function half(n: number): number {
  return Math.floor(n / 2);
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(Math.log2(n)) && 2 ** Math.log2(n) === n;
}

function largestPowerOfTwoBelow(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}
