import { canonicalJson, type Hash, type LogEntryRow, type RunledgerRecord } from "@runledger/contract";

/** The row of the entry at `logIndex`, whose leaf in the tree is `leaf`. */
export function logEntryRow(shard: string, logIndex: number, leaf: Hash, record: RunledgerRecord): LogEntryRow {
  return {
    tenant: record.tenant,
    record_id: record.record_id,
    run_id: record.run_id,
    step_id: record.step_id,
    shard,
    log_index: logIndex,
    leaf_hash: Buffer.from(leaf).toString("hex"),
    payloads: canonicalJson(record.payloads),
    act: record.act === undefined ? "" : canonicalJson({ ...record.act, received_time: record.received_time }),
  };
}

/** The record of one of our own entries; that it is one was checked when it was written. */
export function recordOfEntry(entry: Uint8Array): RunledgerRecord {
  return JSON.parse(Buffer.from(entry).toString());
}
