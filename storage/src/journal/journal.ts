/** What a frame holds: the request as it came. */
export const SIGNALS = ["traces", "logs", "metrics"] as const;
export type Signal = (typeof SIGNALS)[number];
export const BODY_FORMATS = ["protobuf", "json"] as const;
export type BodyFormat = (typeof BODY_FORMATS)[number];
export const BODY_ENCODINGS = ["identity", "gzip", "zstd"] as const;
export type BodyEncoding = (typeof BODY_ENCODINGS)[number];

export interface JournalEntry {
  signal: Signal;
  format: BodyFormat;
  encoding: BodyEncoding;
  tenant: string;
  /** When it was received, nanoseconds since the epoch. */
  receivedUnixNano: bigint;
  /** Runledger itself sent it, as the key of its own showed: only then may it hold acts. */
  own?: true;
  body: Uint8Array;
}

export interface JournalFrame extends JournalEntry {
  /** Ascending by one, from 1, never used twice. */
  seq: number;
}

/** One process writes a journal. Appends are grouped: all that wait are written and fsynced together. */
export interface JournalWriter {
  /**
   * Resolves with the frame's seq once it is fsynced. @throws StorageError `full` when the journal or its queue has reached
   * its limit (retry later), `unavailable` when the disk failed: then the writer is dead and the process must end.
   */
  append(entry: JournalEntry): Promise<number>;
  stats(): { queuedBytes: number; sizeBytes: number; lastSeq: number; segments: number };
  /** Writes what waits, then closes. */
  close(): Promise<void>;
}

/** Any number of readers, in other threads or processes; they see only what is fsynced. */
export interface JournalReader {
  /**
   * The next frames from `seq` on: at least one when there is one, else [] at once; at most `maxBytes` of bodies (a single larger frame comes alone).
   * @throws StorageError `damaged` when a frame that was committed can't be read.
   */
  read(seq: number, maxBytes: number): Promise<JournalFrame[]>;
  close(): Promise<void>;
}

/** The next seq that a follower has not finished. A segment goes away only when every named cursor has passed it. */
export interface JournalCursor {
  load(): Promise<number>;
  /** Durable when it resolves. Never goes back. */
  save(nextSeq: number): Promise<void>;
}
