import type { NormalizedFrame } from "../normalize/normalized.ts";

/**
 * One side of the integration: the audit log, or ClickHouse. Each follows the journal with a cursor of its own, at its own pace.
 */
export interface Sink {
  readonly name: "audit" | "metrics";
  /**
   * Finishes or undoes what a crash interrupted. Resolves with the seq of the first frame to be given to `write`; `mustEndAt` is
   * set when a batch was in flight: then the first `write` gets exactly the frames [nextSeq, mustEndAt).
   */
  open(): Promise<{ nextSeq: number; mustEndAt: number | null }>;
  /**
   * Takes contiguous frames. Durable, and the cursor saved, when it resolves. After a rejection that is `retryable` the very same frames come again.
   */
  write(frames: readonly NormalizedFrame[]): Promise<void>;
  close(): Promise<void>;
}
