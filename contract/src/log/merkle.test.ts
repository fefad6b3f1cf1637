import fc from "fast-check";
import { expect, test } from "vitest";
import {
  consistencyRanges,
  emptyRoot,
  foldRoots,
  type Hash,
  inclusionRanges,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from "./merkle.ts";

const hex = (hash: Hash): string => Buffer.from(hash).toString("hex");
const unhex = (text: string): Buffer => Buffer.from(text, "hex");

/** The eight leaves that certificate transparency's implementations share as their reference tree. */
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  (text) => leafHash(unhex(text)),
);
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
].map(unhex);
const NODE = {
  leaf0: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  leaf1: "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
  pair01: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  pair23: "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
  four: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  leaf4: "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
  pair45: "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
  pair67: "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
  lastFour: "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
};

/** RFC 6962, section 2.1, word for word. */
function naiveRoot(leaves: readonly Hash[]): Hash {
  const [only] = leaves;
  if (only === undefined) return emptyRoot();
  if (leaves.length === 1) return only;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

function naiveInclusion(index: number, leaves: readonly Hash[]): Hash[] {
  if (leaves.length === 1) return [];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  if (index < k) return [...naiveInclusion(index, leaves.slice(0, k)), naiveRoot(leaves.slice(k))];
  return [...naiveInclusion(index - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

function naiveConsistency(m: number, leaves: readonly Hash[], whole: boolean): Hash[] {
  if (m === leaves.length) return whole ? [] : [naiveRoot(leaves)];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  if (m <= k) return [...naiveConsistency(m, leaves.slice(0, k), whole), naiveRoot(leaves.slice(k))];
  return [...naiveConsistency(m - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))];
}

const inclusion = (index: number, leaves: readonly Hash[]): Hash[] =>
  inclusionRanges(index, leaves.length).map(({ begin, end }) => naiveRoot(leaves.slice(begin, end)));
const consistency = (from: number, leaves: readonly Hash[]): Hash[] =>
  consistencyRanges(from, leaves.length).map(({ begin, end }) => naiveRoot(leaves.slice(begin, end)));
const manyLeaves = (count: number): Hash[] =>
  Array.from({ length: count }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

test("roots of the certificate-transparency reference tree", () => {
  for (const [size, root] of ROOTS.entries()) expect(hex(naiveRoot(LEAVES.slice(0, size)))).toBe(hex(root));
  expect(hex(foldRoots([]))).toBe(hex(ROOTS[0] as Hash));
});

test.each([
  { index: 0, size: 1, proof: [] },
  { index: 0, size: 8, proof: [NODE.leaf1, NODE.pair23, NODE.lastFour] },
  { index: 5, size: 8, proof: [NODE.leaf4, NODE.pair67, NODE.four] },
  { index: 2, size: 3, proof: [NODE.pair01] },
  { index: 1, size: 5, proof: [NODE.leaf0, NODE.pair23, NODE.leaf4] },
])("reference inclusion proof of leaf $index in $size", ({ index, size, proof }) => {
  expect(inclusion(index, LEAVES.slice(0, size)).map(hex)).toEqual(proof);
  expect(verifyInclusion(LEAVES[index] as Hash, index, size, proof.map(unhex), ROOTS[size] as Hash)).toBe(true);
});

test.each([
  { from: 1, to: 1, proof: [] },
  { from: 1, to: 8, proof: [NODE.leaf1, NODE.pair23, NODE.lastFour] },
  { from: 6, to: 8, proof: [NODE.pair45, NODE.pair67, NODE.four] },
  { from: 2, to: 5, proof: [NODE.pair23, NODE.leaf4] },
])("reference consistency proof from $from to $to", ({ from, to, proof }) => {
  expect(consistency(from, LEAVES.slice(0, to)).map(hex)).toEqual(proof);
  expect(verifyConsistency(from, to, ROOTS[from] as Hash, ROOTS[to] as Hash, proof.map(unhex))).toBe(true);
});

test("inclusion proofs agree with the recursive definition and refuse every change", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (size, pick, change) => {
      const leaves = manyLeaves(size);
      const index = pick % size;
      const proof = inclusion(index, leaves);
      const root = naiveRoot(leaves);
      const leaf = leaves[index] as Hash;
      expect(proof.map(hex)).toEqual(naiveInclusion(index, leaves).map(hex));
      expect(verifyInclusion(leaf, index, size, proof, root)).toBe(true);
      expect(verifyInclusion(leaf, index, size, [...proof, root], root)).toBe(false);
      expect(verifyInclusion(leafHash(Buffer.from("other")), index, size, proof, root)).toBe(false);
      if (proof.length === 0) return;
      expect(verifyInclusion(leaf, index, size, proof.slice(1), root)).toBe(false);
      const changed = proof.map((hash) => Buffer.from(hash));
      const target = changed[change % changed.length] as Buffer;
      target[change % 32] = (target[change % 32] as number) ^ (1 << (change % 8));
      expect(verifyInclusion(leaf, index, size, changed, root)).toBe(false);
      expect(verifyInclusion(leaf, index === 0 ? 1 : index - 1, size, proof, root)).toBe(false);
    }),
    { numRuns: 200 },
  );
});

test("consistency proofs agree with the recursive definition and refuse every change", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (to, pick, change) => {
      const leaves = manyLeaves(to);
      const from = 1 + (pick % to);
      const proof = consistency(from, leaves);
      const [oldRoot, newRoot] = [naiveRoot(leaves.slice(0, from)), naiveRoot(leaves)];
      expect(proof.map(hex)).toEqual(naiveConsistency(from, leaves, true).map(hex));
      expect(verifyConsistency(from, to, oldRoot, newRoot, proof)).toBe(true);
      expect(verifyConsistency(from, to, leafHash(oldRoot), newRoot, proof)).toBe(false);
      expect(verifyConsistency(from, to, oldRoot, leafHash(newRoot), proof)).toBe(false);
      if (proof.length === 0) return;
      const changed = proof.map((hash) => Buffer.from(hash));
      const target = changed[change % changed.length] as Buffer;
      target[change % 32] = (target[change % 32] as number) ^ (1 << (change % 8));
      expect(verifyConsistency(from, to, oldRoot, newRoot, changed)).toBe(false);
      expect(verifyConsistency(from, to, oldRoot, newRoot, proof.slice(1))).toBe(false);
    }),
    { numRuns: 200 },
  );
});
