import { MAX_MISSING_PARENTS, type RunDetail } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { z } from "zod";
import type { SummarizedRun } from "./run-summaries.ts";

const answer = z.object({ has_root: z.coerce.boolean(), missing: z.array(z.string()) });

/**
 * Whether all of a run is here. Where its end commits to a number of records that decides; else, once it is over, its root must be here and every
 * span that any of its records names as its parent. While it runs nothing can be said: parents come after their children.
 */
export async function completenessOf(
  rows: Rows,
  tenant: string,
  { run, received }: SummarizedRun,
): Promise<Pick<RunDetail, "complete" | "missing_parents">> {
  if (run.records_expected !== null || run.status === "running") return { complete: run.complete, missing_parents: [] };
  const [row] = await rows.query<object>(SQL, {
    tenant,
    run_id: run.run_id,
    first_ns: received.firstNs,
    last_ns: received.lastNs,
    max: MAX_MISSING_PARENTS,
  });
  const { has_root, missing } = answer.parse(row);
  return { complete: has_root && missing.length === 0, missing_parents: missing };
}

/** Log records have no place in the tree of spans. */
const OF_RUN = `tenant = {tenant:String} AND run_id = {run_id:String} AND event != 'log'
  AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})`;
const SQL = `
SELECT max(root OR event = 'run_end') AS has_root,
  arraySlice(arraySort(groupUniqArrayIf(parent_id, parent_id != '' AND parent_id NOT IN (SELECT step_id FROM steps WHERE ${OF_RUN}))), 1, {max:UInt32}) AS missing
FROM steps WHERE ${OF_RUN}`;
