import { statfs } from "node:fs/promises";

export interface JournalWriterSettings {
  /** Names of the cursors that must have passed a segment before it is removed. */
  followers: readonly string[];
  /** A new segment begins when the current one has reached this. */
  segmentBytes?: number;
  /** And when it is as old: what requests held in the clear is not kept for want of further ones. Looked at every `removeEveryMs`. */
  segmentAgeMs?: number;
  /** Of appends that wait for the disk. */
  maxQueuedBytes?: number;
  /** Of all segments together, what waits included. */
  maxJournalBytes?: number;
  /** Of both, what Runledger's own requests have beyond those of agents. */
  ownRoomBytes?: number;
  /** Written and fsynced at once; a larger entry goes alone. */
  maxGroupBytes?: number;
  /** How often finished segments are looked for. */
  removeEveryMs?: number;
  /** Bytes that a disk still takes; asked only after it had no room. */
  freeBytes?: (dir: string) => Promise<number>;
  /** Told of a torn write that was taken away at the start, and of segments that could not be removed. */
  warn: (message: string, details: object) => void;
}

const MIB = 1024 * 1024;
export const JOURNAL_DEFAULTS = {
  segmentBytes: 64 * MIB,
  segmentAgeMs: 60_000,
  maxQueuedBytes: 256 * MIB,
  maxJournalBytes: 8 * 1024 * MIB,
  ownRoomBytes: 64 * MIB,
  maxGroupBytes: 16 * MIB,
  removeEveryMs: 1_000,
  freeBytes: async (dir: string): Promise<number> => {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  },
};
/** Followers that are behind keep finished segments: no more than these are finished for their age. */
export const MAX_AGED_SEGMENTS = 64;
/** A disk that is nearly full refuses the next request. */
export const LITTLE_ROOM_BYTES = MIB;
