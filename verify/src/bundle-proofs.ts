import { isUtf8 } from "node:buffer";
import { type Checkpoint, type Findings, LogError, parseTlogProof, verifyInclusion } from "@runledger/contract";
import type { BundleEntries } from "./bundle-entries.ts";

/** `proofs/…`: each entry's own way to the root, for those who take it out of the bundle. */
export interface BundleProofs {
  add(index: number, path: string, bytes: Buffer): void;
  finish(): void;
}

export function createBundleProofs(
  head: Checkpoint,
  note: Buffer,
  entries: BundleEntries,
  findings: Findings,
): BundleProofs {
  let count = 0;
  let last = -1;
  return {
    add(index, path, bytes) {
      count++;
      if (index <= last) findings.add("TAMPERED", path, "it is there twice, or out of order");
      last = index;
      const leaf = entries.leaves.get(index);
      if (leaf === undefined) findings.add("TAMPERED", path, "there is no such entry in the bundle");
      else if (!proves(bytes, index, leaf)) findings.add("TAMPERED", path, `it does not prove entry ${index}`);
    },
    finish() {
      if (count > 0 && count < entries.count)
        findings.add("INCOMPLETE", "proofs", `${entries.count - count} of ${entries.count} are missing`);
    },
  };

  function proves(bytes: Buffer, index: number, leaf: Uint8Array): boolean {
    try {
      if (!isUtf8(bytes)) return false;
      const proof = parseTlogProof(bytes.toString());
      return (
        proof.index === index &&
        note.equals(proof.checkpoint) &&
        verifyInclusion(leaf, index, head.size, proof.proof, head.root)
      );
    } catch (error) {
      if (error instanceof LogError) return false;
      throw error;
    }
  }
}
