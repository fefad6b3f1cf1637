import { rowName } from "@runledger/contract";
import { parameterLists } from "./parameter-lists.ts";
import type { Rows } from "./rows.ts";

/** Whose rows, and since when not. */
export interface RowsToErase {
  tenant: string;
  /** Null: a run of nobody's. */
  userId: string | null;
  runIds: readonly string[];
  /** Stands where the person's id stood. */
  label: string;
  /** RFC 3339: rows received later are of what came after the erasure. */
  receivedUntil: string;
}

const WAIT = "SETTINGS mutations_sync = 2";

/**
 * The runs in which a person has a part, by rows received until then.
 * @param label Stands in rows where an earlier erasure found the person's id: such a run is still theirs, and may have gone on.
 */
export async function runsOfUser(
  rows: Rows,
  {
    tenant,
    userId,
    label,
    receivedUntil,
  }: Pick<RowsToErase, "tenant" | "label" | "receivedUntil"> & { userId: string },
): Promise<string[]> {
  const found = await rows.query<{ run_id: string }>(
    `SELECT DISTINCT run_id FROM steps
     WHERE tenant = {tenant:String} AND user_id IN ({user_id:String}, {label:String}) AND received_time <= parseDateTime64BestEffort({until:String}, 9, 'UTC')`,
    { tenant, user_id: rowName(userId), label, until: receivedUntil },
  );
  return found.map(({ run_id }) => run_id);
}

/**
 * Takes out of ClickHouse what tells of content or person: previews, error texts, the person's id. Facts stay (times, tokens, costs, tools, hashes), so
 * that sums stay what they were. Rewrites the parts and waits for it; the old ones leave the disk some minutes later. Idempotent.
 */
export async function eraseRows(
  rows: Rows,
  { tenant, userId, runIds, label, receivedUntil }: RowsToErase,
): Promise<void> {
  for (const run_ids of parameterLists(runIds)) {
    const parameters = { tenant, run_ids, user_id: rowName(userId ?? ""), label, until: receivedUntil };
    const ofRuns = "tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}";
    const named = "{user_id:String} != '' AND";
    const [left] = await rows.query(
      `SELECT 1 FROM steps WHERE ${ofRuns} AND received_time <= parseDateTime64BestEffort({until:String}, 9, 'UTC')
         AND (input_preview != '' OR output_preview != '' OR error_message != '' OR end_reason != '' OR (${named} user_id = {user_id:String}))
       UNION ALL
       SELECT 1 FROM runs WHERE ${ofRuns} AND first_received_time <= parseDateTime64BestEffort({until:String}, 9, 'UTC')
         AND (error.message != '' OR ended.reason != '' OR (${named} user_id.value = {user_id:String}))
       LIMIT 1`,
      parameters,
    );
    if (left === undefined) continue;
    await rows.command(
      `ALTER TABLE steps UPDATE input_preview = '', output_preview = '', error_message = '', end_reason = '',
         user_id = if(${named} user_id = {user_id:String}, {label:String}, user_id)
       WHERE ${ofRuns} AND received_time <= parseDateTime64BestEffort({until:String}, 9, 'UTC') ${WAIT}`,
      parameters,
    );
    await rows.command(
      `ALTER TABLE runs UPDATE
         error = (error.rank, error.at, error.type, ''),
         ended = (ended.rank, ended.at, ended.status, ended.outcome, '', ended.records),
         user_id = (user_id.rank, user_id.at, if(${named} user_id.value = {user_id:String}, {label:String}, user_id.value))
       WHERE ${ofRuns} AND first_received_time <= parseDateTime64BestEffort({until:String}, 9, 'UTC') ${WAIT}`,
      parameters,
    );
  }
}
