/**
 * malformed: bytes are not in the form the specification gives · missing: an object that must exist does not ·
 * mismatch: well-formed, but hashes or signatures do not fit · untrusted: nothing here is signed by a known key ·
 * sealed: a payload whose bytes are as they must be, and whose key is not at hand (any more).
 */
export type LogErrorCode = "malformed" | "missing" | "mismatch" | "untrusted" | "sealed";

/** What reading a log, a note, a proof or a payload can meet. Never retryable by itself: the bytes are what they are. */
export class LogError extends Error {
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LogError";
    this.code = code;
  }
}
