import type { RunledgerRecord } from "@runledger/contract";
import { createGenerationMap } from "./generation-map.ts";

/** new: first of its span · duplicate: the very same record came before · conflict: another record with its span id came before. */
export type Classification = "new" | "duplicate" | "conflict";

/**
 * The records that came lately, between `limit`/2 and `limit` of them. Classifying a record also remembers it, so a batch is
 * classified once: who may have to write the batch again keeps what it made of it and does not ask again.
 */
export interface SeenRecords {
  readonly limit: number;
  classify(
    record: Pick<RunledgerRecord, "tenant" | "record_id" | "trace_id" | "step_id"> & { event: string },
  ): Classification;
}

export const DEFAULT_SEEN_RECORDS = 500_000;

export function createSeenRecords(limit: number = DEFAULT_SEEN_RECORDS): SeenRecords {
  /** Span to the first of its records; further ones stand under span and record id. */
  const seen = createGenerationMap<string>(limit);
  return {
    limit,
    classify: ({ tenant, record_id, trace_id, step_id, event }) => {
      // Log records and metrics are no spans: any number of them may belong to one.
      const span =
        event === "log" || event === "metric" ? `${event}${record_id}${tenant}` : `${trace_id}${step_id}${tenant}`;
      const first = seen.get(span);
      if (first === undefined) {
        seen.set(span, record_id);
        return "new";
      }
      if (first === record_id) return "duplicate";
      const other = `${span} ${record_id}`;
      if (seen.get(other) !== undefined) return "duplicate";
      seen.set(other, record_id);
      return "conflict";
    },
  };
}
