import type { Checkpoint } from "./checkpoint.ts";
import { type Hash, hashesEqual } from "./merkle.ts";
import type { TileTree } from "./tile-tree.ts";
import type { Findings } from "./verification.ts";

/** A head that somebody else attests a log to have had. */
export interface RecordedHead {
  size: number;
  root: Hash;
  /** Where it is written. */
  where: string;
}

/** Compares a growing tree with what others recorded of it. */
export interface HeadCheck {
  compare(tree: TileTree): void;
  /** After the last leaf of a log whose head is this one. */
  finish(head: Pick<Checkpoint, "size">): void;
}

/** `heads` in any order; who has two roots for one size names both. */
export function createHeadCheck(heads: readonly RecordedHead[], findings: Findings): HeadCheck {
  const ascending = heads.toSorted((a, b) => a.size - b.size);
  let next = 0;
  return {
    compare: (tree) => {
      for (let head = ascending[next]; head !== undefined && head.size <= tree.size; head = ascending[++next]) {
        if (head.size === tree.size && !hashesEqual(head.root, tree.root()))
          findings.add(
            "TAMPERED",
            head.where,
            `the log as it is does not extend the head of size ${head.size} that is recorded here`,
          );
      }
    },
    finish: ({ size }) => {
      const last = ascending.at(-1);
      if (last !== undefined && last.size > size)
        findings.add(
          "TAMPERED",
          last.where,
          `the log had ${last.size} entries, as is recorded here, and has ${size} now`,
        );
    },
  };
}
