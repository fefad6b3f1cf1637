import type { PayloadName, RunledgerRecord } from "@runledger/contract";

/**
 * A span in normal form: the record but for what only the log's writer knows (where payloads lie, whether another record
 * has its span id), and its content beside it. Both followers of the journal work from this.
 */
export interface NormalizedRecord {
  facts: Omit<RunledgerRecord, "payloads" | "conflict">;
  /** JSON text each (`raw_response`: the body as it came); `messages` is an array, one JSON text a message. */
  content: Content;
  inputPreview: string;
  outputPreview: string;
}

export type Content = Partial<Record<Exclude<PayloadName, "messages" | "overflow">, string>> & { messages?: string[] };

/** All records of one journal frame, in the order of its spans. */
export interface NormalizedFrame {
  seq: number;
  records: NormalizedRecord[];
  /** Bytes of the frame's body without its compression, the measure of batches and of memory. */
  bodyBytes: number;
}
