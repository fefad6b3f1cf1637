import type { Anchors } from "./anchors.ts";
import type { QuorumRule } from "./policy.ts";
import type { Findings, LogVerification } from "./verification.ts";

/** How far a quorum covers a shard's entries: by the shard's own head, or by the directory's, which recorded the shard's. */
export interface WitnessCover {
  /** So many of the first entries. */
  readonly size: number;
  /** What an entry says of its receipt. */
  add(index: number, receivedTime: string): void;
  /** After all entries. */
  check(log: Pick<LogVerification, "treeSize">, findings: Findings): void;
}

/** A directory takes heads once a minute, and its witnesses then. */
const MAX_UNWITNESSED_SECONDS = 15 * 60;

export function createWitnessCover(
  seen: { directory: Anchors | null; anchors: Anchors; recorded: readonly { index: number; size: number }[] },
  { quorum, now }: { quorum: QuorumRule | null; now: number },
): WitnessCover {
  const byDirectory = seen.directory?.witnessed ?? null;
  const own = seen.anchors.witnessed;
  const inDirectory = seen.recorded.findLast(({ index }) => index < (byDirectory?.size ?? 0))?.size ?? 0;
  const size = Math.max(inDirectory, own?.size ?? 0);
  const newest = Math.max(byDirectory?.time ?? 0, own?.time ?? 0);
  const isRecent = now - newest <= MAX_UNWITNESSED_SECONDS;
  /** Seconds, of the entries behind `size`: that of whichever says to be furthest from now. */
  let furthestAge = Number.NEGATIVE_INFINITY;
  return {
    size,
    add(index, receivedTime) {
      if (index < size) return;
      furthestAge = Math.max(furthestAge, Math.abs(now - Date.parse(receivedTime) / 1000));
    },
    check({ treeSize }, findings) {
      if (size >= treeSize) return;
      // By the head's time, which the witness tells: a store that was put back goes on with entries that say to be young. And by the entries' own, all
      // of them: a directory's heads go on being cosigned where it does not take this shard's any more.
      const areYoung = furthestAge <= MAX_UNWITNESSED_SECONDS;
      if (size > 0 && isRecent && areYoung) return;
      const when =
        newest === 0 ? "no head is under it" : `its last head is of ${new Date(newest * 1000).toISOString()}`;
      findings.add(
        "INCOMPLETE",
        `entries ${size} to ${treeSize - 1}`,
        `they are not under the quorum ${quorum?.name} of witnesses that your policy asks for: ${when}`,
      );
    },
  };
}
