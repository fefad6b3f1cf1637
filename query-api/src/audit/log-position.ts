import { logPrefix, type ReadObject, readEntry, unverifiedCheckpoint } from "@runledger/contract";
import type { Objects, Rows } from "@runledger/storage";
import { z } from "zod";

const position = z.object({
  shard: z.string(),
  log_index: z.coerce.number().int().nonnegative(),
  leaf_hash: z.string(),
});
export type LogPosition = z.infer<typeof position>;

/** Where a record stands in the log: its first place, when it is there twice. Null while it isn't there yet. */
export async function findLogPosition(rows: Rows, tenant: string, recordId: string): Promise<LogPosition | null> {
  const [found] = await rows.query<object>(
    `SELECT shard, log_index, leaf_hash FROM log_entries
     WHERE tenant = {tenant:String} AND record_id = {record_id:String} ORDER BY log_index LIMIT 1`,
    { tenant, record_id: recordId },
  );
  return found === undefined ? null : position.parse(found);
}

/** The objects of a shard's log by their paths below the log's root. */
export function logObjects(objects: Objects, shard: string): ReadObject {
  return (path) => objects.read(`${logPrefix(shard)}${path}`);
}

/** The shard's latest checkpoint as it lies there, and its size; null before the first. Whoever must trust it verifies it. */
export async function currentCheckpoint(
  objects: Objects,
  shard: string,
): Promise<{ note: Uint8Array; size: number } | null> {
  const note = await logObjects(objects, shard)("checkpoint");
  return note && { note, size: unverifiedCheckpoint(note).size };
}

/** The entry at a position; null while no published checkpoint covers it. */
export async function readLogEntry(objects: Objects, { shard, log_index }: LogPosition): Promise<Uint8Array | null> {
  const checkpoint = await currentCheckpoint(objects, shard);
  if (checkpoint === null || log_index >= checkpoint.size) return null;
  return await readEntry(logObjects(objects, shard), log_index, checkpoint.size);
}
