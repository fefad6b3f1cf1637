import type { Anchors } from "./anchors.ts";
import type { QuorumRule } from "./policy.ts";
import type { Findings, LogVerification } from "./verification.ts";

/** How far a quorum covers a shard's entries: by the shard's own head, or by the directory's, which recorded the shard's. */
export interface WitnessCover {
  /** So many of the first entries. */
  readonly size: number;
  /** `receivedTime`: what the entry behind these says of its receipt. */
  check(log: Pick<LogVerification, "treeSize">, receivedTime: string | null, findings: Findings): void;
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
  return {
    size,
    check({ treeSize }, receivedTime, findings) {
      if (size >= treeSize) return;
      // By the head's time, which the witness tells: a store that was put back goes on with entries that say to be young. And by the entry's own:
      // a directory's heads go on being cosigned where it does not take this shard's any more.
      const age = receivedTime === null ? Number.POSITIVE_INFINITY : now - Date.parse(receivedTime) / 1000;
      if (size > 0 && isRecent && Math.abs(age) <= MAX_UNWITNESSED_SECONDS) return;
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
