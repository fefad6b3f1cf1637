import type { Rows } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";
import { ONLY_LOGS } from "./run-summary.ts";
import type { ReceivedBounds } from "./run-view.ts";

const bounds = z.tuple([z.object({ first: z.string(), last: z.string() })]);

/** Where the records of a run lie: a tenth of what its summary costs. @throws QueryApiError `not_found`. */
export async function findBounds(rows: Rows, tenant: string, runId: string): Promise<ReceivedBounds> {
  const sql = `
SELECT toString(toUnixTimestamp64Nano(first_received_time)) AS first, toString(toUnixTimestamp64Nano(last_seen_time)) AS last
FROM runs FINAL PREWHERE tenant = {tenant:String} AND run_id = {run_id:String}
WHERE tupleElement(dialect, 'rank') < ${ONLY_LOGS}`;
  const found = await rows.query<object>(sql, { tenant, run_id: runId });
  if (found.length === 0) throw noRun(runId);
  const [{ first, last }] = bounds.parse(found);
  return { firstNs: first, lastNs: last };
}

/** Tells how a run comes to be seen. */
export function noRun(runId: string): QueryApiError {
  return new QueryApiError("not_found", `no run has the id ${runId}`, {
    hint: "a run appears about a second after its first record; GET /v1/runs?q= searches",
  });
}
