import { parameterLists, type Rows } from "@runledger/storage";

/** Whom a run's records name. */
export async function usersOfRun(rows: Rows, tenant: string, runId: string): Promise<string[]> {
  const found = await rows.query<{ user_id: string }>(
    `SELECT DISTINCT user_id FROM steps
     WHERE tenant = {tenant:String} AND run_id = {run_id:String} AND user_id != '' AND NOT startsWith(user_id, 'erased:')`,
    { tenant, run_id: runId },
  );
  return found.map(({ user_id }) => user_id);
}

export async function runIdsOfUser(rows: Rows, tenant: string, userId: string): Promise<string[]> {
  const found = await rows.query<{ run_id: string }>(
    "SELECT DISTINCT run_id FROM steps WHERE tenant = {tenant:String} AND user_id = {user_id:String}",
    { tenant, user_id: userId },
  );
  return found.map(({ run_id }) => run_id);
}

/** Records of these runs with content that no key protects. */
export async function clearRecordsOf(rows: Rows, tenant: string, runIds: readonly string[]): Promise<number> {
  let records = 0;
  for (const run_ids of parameterLists(runIds)) {
    const [found] = await rows.query<{ n: string }>(
      `SELECT uniqExact(record_id) AS n FROM log_entries
       WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} AND payloads != '{}' AND position(payloads, '"key_id"') = 0`,
      { tenant, run_ids },
    );
    records += Number(found?.n ?? 0);
  }
  return records;
}
