import { anchorPath, CHECKPOINT_PATH, datedCheckpointPath, logPrefix, unverifiedCheckpoint } from "@runledger/contract";
import { type Objects, StorageError } from "@runledger/storage";
import type { TimestampClient } from "./timestamp-client.ts";

/** Gets a log's head stamped with the time, at most once in `intervalMs`. */
export interface Timestamping {
  /** @returns what is in the way, in words; [] when nothing is, or nothing is to be done. */
  round(): Promise<string[]>;
  readonly stampedSize: number;
}

/** The stamp is of the checkpoint's bytes as they lie in `checkpoints/<size>`: `openssl ts -verify -data` takes that file. */
export function createTimestamping(
  objects: Objects,
  client: TimestampClient,
  { log, intervalMs, now }: { log: string; intervalMs: number; now: () => number },
): Timestamping {
  let stampedSize = 0;
  let stampedAt = Number.NEGATIVE_INFINITY;

  return {
    round: async () => {
      if (now() - stampedAt < intervalMs) return [];
      const head = await objects.read(logPrefix(log) + CHECKPOINT_PATH);
      const size = head === null ? 0 : unverifiedCheckpoint(head).size;
      if (size <= stampedSize) return [];
      const note = await objects.read(datedCheckpointPath(log, size));
      if (note === null) return [`the checkpoint of size ${size} of ${log} is not there to be stamped`];
      try {
        const { token } = await client.stamp(note);
        await objects.create(anchorPath(log, size, "tsr"), token).catch((error: unknown) => {
          // Stamped by another keeper, at another moment: one is enough.
          if (!(error instanceof StorageError && error.code === "conflict")) throw error;
        });
      } catch (error) {
        if (error instanceof StorageError) throw error;
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        return [`no time stamp: ${cause instanceof Error ? cause.message : String(cause)}`];
      }
      stampedSize = size;
      stampedAt = now();
      return [];
    },
    get stampedSize() {
      return stampedSize;
    },
  };
}
