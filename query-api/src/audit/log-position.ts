import { CHECKPOINT_PATH, logPrefix, type ReadObject, readEntry, unverifiedCheckpoint } from "@runledger/contract";
import { type Objects, parameterLists, type Rows } from "@runledger/storage";
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
     WHERE tenant = {tenant:String} AND record_id = {record_id:String} ORDER BY shard, log_index LIMIT 1`,
    { tenant, record_id: recordId },
  );
  return found === undefined ? null : position.parse(found);
}

/** The same for many records; a record that isn't in the log yet has none. */
export async function findLogPositions(
  rows: Rows,
  tenant: string,
  recordIds: readonly string[],
): Promise<Map<string, LogPosition>> {
  const positions = new Map<string, LogPosition>();
  for (const record_ids of parameterLists(recordIds)) {
    const found = await rows.query<object>(
      `SELECT record_id, shard, log_index, leaf_hash FROM log_entries
       WHERE tenant = {tenant:String} AND record_id IN {record_ids:Array(String)} ORDER BY shard, log_index LIMIT 1 BY record_id`,
      { tenant, record_ids },
    );
    for (const at of z.array(position.extend({ record_id: z.string() })).parse(found)) positions.set(at.record_id, at);
  }
  return positions;
}

/** A shard's log as its latest checkpoint has it. Who must trust that verifies it: here it is taken as it lies there. */
export interface PublishedLog {
  read: ReadObject;
  checkpoint: Uint8Array;
  size: number;
}

/** What `use` makes of the published log; null while no published checkpoint covers the entry. @throws LogError `missing`, `malformed`. */
export async function withPublishedEntry<Result>(
  objects: Objects,
  { shard, log_index }: LogPosition,
  use: (log: PublishedLog) => Promise<Result>,
): Promise<Result | null> {
  const read: ReadObject = (path) => objects.read(`${logPrefix(shard)}${path}`);
  const checkpoint = await read(CHECKPOINT_PATH);
  if (checkpoint === null) return null;
  const { size } = unverifiedCheckpoint(checkpoint);
  return log_index < size ? await use({ read, checkpoint, size }) : null;
}

/** The entry at a position; null while no published checkpoint covers it. */
export async function readLogEntry(objects: Objects, at: LogPosition): Promise<Uint8Array | null> {
  return await withPublishedEntry(objects, at, ({ read, size }) => readEntry(read, at.log_index, size));
}
