/**
 * conflict: a write-once object exists with other bytes, or a compare-and-set lost · unavailable: try again later ·
 * damaged: stored bytes are not what they must be · locked: another process has it · full: a stated limit is reached ·
 * superseded: another writer has gone on in our place · rejected: the store refuses it and will again.
 */
export type StorageErrorCode = "conflict" | "unavailable" | "damaged" | "locked" | "full" | "superseded" | "rejected";

/** The storage package's one error. `retryable` tells whether the same call may succeed later. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly retryable: boolean;

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StorageError";
    this.code = code;
    this.retryable = code === "unavailable" || code === "full";
  }
}
