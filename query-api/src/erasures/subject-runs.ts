import { setTimeout as sleep } from "node:timers/promises";
import { erasedUserLabel, rfc3339FromUnixNano } from "@runledger/contract";
import { parameterLists, type Rows } from "@runledger/storage";
import { QueryApiError } from "../error.ts";
import type { KeptErasure } from "./kept-erasure.ts";

const POLL_MS = 100;

/** Whom a run's records name. */
export async function usersOfRun(rows: Rows, tenant: string, runId: string): Promise<string[]> {
  const found = await rows.query<{ user_id: string }>(
    `SELECT DISTINCT user_id FROM steps
     WHERE tenant = {tenant:String} AND run_id = {run_id:String} AND user_id != '' AND NOT startsWith(user_id, 'erased:')`,
    { tenant, run_id: runId },
  );
  return found.map(({ user_id }) => user_id);
}

/** @param label Of the person's earlier erasures, whose runs may have gone on. @returns the runs, and whether any row names the person still. */
export async function runsOfPerson(
  rows: Rows,
  { tenant, userId, label }: { tenant: string; userId: string; label: string },
): Promise<{ runIds: string[]; isNamed: boolean }> {
  const found = await rows.query<{ run_id: string; named: boolean | number }>(
    `SELECT run_id, max(user_id = {user_id:String}) AS named FROM steps
     WHERE tenant = {tenant:String} AND user_id IN ({user_id:String}, {label:String}) GROUP BY run_id`,
    { tenant, user_id: userId, label },
  );
  return { runIds: found.map(({ run_id }) => run_id), isNamed: found.some(({ named }) => Number(named) === 1) };
}

/**
 * All runs of the subject that ClickHouse knows, once all that it has of them is in a log: another collector may be behind with its log, and would seal what it received
 * before under keys of later. Whose clock is right is not asked: what is there now came before the keys go.
 * @throws QueryApiError `unavailable` when that takes beyond `deadline`, in ms of `performance.now()`.
 */
export async function runsInLogs(
  rows: Rows,
  { erasure_id, tenant, subject, user_id: userId, run_ids }: KeptErasure,
  deadline: number,
): Promise<{ runIds: string[]; newestTime: string }> {
  const runs = new Set(run_ids);
  if (subject.kind === "run") runs.add(subject.run_id);
  else if (userId !== null) {
    const label = erasedUserLabel(subject.pseudonym);
    for (const runId of (await runsOfPerson(rows, { tenant, userId, label })).runIds) runs.add(runId);
  }
  const runIds = [...runs];
  const untilNs = await newestReceived(rows, tenant, runIds);
  if (untilNs === null) return { runIds, newestTime: "" };
  while (!(await areInLogs(rows, { tenant, runIds, untilNs }))) {
    if (performance.now() > deadline) {
      throw new QueryApiError("unavailable", `erasure ${erasure_id} waits for a log, which lacks what ClickHouse has`, {
        hint: "it goes on by itself: /readyz of each collector tells what holds its log up",
      });
    }
    await sleep(POLL_MS);
  }
  return { runIds, newestTime: rfc3339FromUnixNano(untilNs) };
}

/** When the newest of what ClickHouse has of these runs was received, by the clock of whichever collector it was, Unix ns; null: it has nothing. */
async function newestReceived(rows: Rows, tenant: string, runIds: readonly string[]): Promise<bigint | null> {
  let newest: bigint | null = null;
  for (const run_ids of parameterLists(runIds)) {
    const [found] = await rows.query<{ n: string; newest: string }>(
      `SELECT count() AS n, toString(toUnixTimestamp64Nano(max(received_time))) AS newest FROM steps
       WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}`,
      { tenant, run_ids },
    );
    if (found === undefined || Number(found.n) === 0) continue;
    if (newest === null || BigInt(found.newest) > newest) newest = BigInt(found.newest);
  }
  return newest;
}

/** Whether all that ClickHouse has of these runs, as received until then, is in a log: only then are the keys of its contents known. */
async function areInLogs(
  rows: Rows,
  { tenant, runIds, untilNs }: { tenant: string; runIds: readonly string[]; untilNs: bigint },
): Promise<boolean> {
  for (const run_ids of parameterLists(runIds)) {
    const [one] = await rows.query(
      `SELECT 1 FROM steps
       WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} AND received_time <= fromUnixTimestamp64Nano({until_ns:Int64})
         AND record_id NOT IN (SELECT record_id FROM log_entries WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}) LIMIT 1`,
      { tenant, run_ids, until_ns: String(untilNs) },
    );
    if (one !== undefined) return false;
  }
  return true;
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
