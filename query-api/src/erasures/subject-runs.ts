import { setTimeout as sleep } from "node:timers/promises";
import {
  erasedUserLabel,
  logPrefix,
  parseLogEntry,
  type ReadObject,
  readEntries,
  rfc3339FromUnixNano,
  rowName,
} from "@runledger/contract";
import { type Objects, parameterLists, type Rows, runsOfUser } from "@runledger/storage";
import { QueryApiError } from "../error.ts";
import type { KeptErasure } from "./kept-erasure.ts";
import { publishedSizes } from "./recorded-erasure.ts";

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
    { tenant, user_id: rowName(userId), label },
  );
  return { runIds: found.map(({ run_id }) => run_id), isNamed: found.some(({ named }) => Number(named) === 1) };
}

/** All runs of the subject that ClickHouse knows, with those that were found before. `until`: by rows received until then, RFC 3339; null: by all. */
export async function runsOfSubject(
  rows: Rows,
  { tenant, subject, user_id: userId, run_ids }: KeptErasure,
  until: string | null,
): Promise<string[]> {
  const runs = new Set(run_ids);
  if (subject.kind === "run") runs.add(subject.run_id);
  else if (userId !== null) {
    const person = { tenant, userId, label: erasedUserLabel(subject.pseudonym) };
    const found =
      until === null
        ? (await runsOfPerson(rows, person)).runIds
        : await runsOfUser(rows, { ...person, receivedUntil: until });
    for (const runId of found) runs.add(runId);
  }
  return [...runs];
}

/** How long a record is waited for that no log has: its collector is away, or was lost with its journal. */
const UNSEALED_MS = 24 * 3_600_000;

/**
 * Waits until all that ClickHouse has of these runs is in a log: only then are the keys of its contents known. Another collector may be behind with its log, and would
 * seal what it received before under keys of later. What a log has and ClickHouse's index of it lacks is looked for once: whose collector is gone has nobody who goes on with that.
 * @param untilTime As received until then, RFC 3339. @throws QueryApiError `unavailable` when it takes beyond `deadline`, in ms of `performance.now()`.
 */
export async function untilInLogs(
  { rows, objects, clock }: { rows: Rows; objects: Objects; clock: () => number },
  { erasure_id, tenant }: Pick<KeptErasure, "erasure_id" | "tenant">,
  { runIds, untilTime, deadline }: { runIds: readonly string[]; untilTime: string; deadline: number },
): Promise<void> {
  const sinceMs = clock() - UNSEALED_MS;
  const place = { tenant, runIds, untilTime, sinceTime: new Date(sinceMs).toISOString() };
  let missing = await unindexedOf(rows, place);
  if (missing.length === 0) return;
  const found = await foundBehindIndex({ rows, objects }, new Set(missing));
  for (;;) {
    if (missing.every((id) => found.has(id))) return;
    if (performance.now() > deadline) {
      throw new QueryApiError("unavailable", `erasure ${erasure_id} waits for a log, which lacks what ClickHouse has`, {
        hint: "it goes on by itself, after a day in any case: /readyz of each collector tells what holds its log up; where one was lost with its disk, `runledger rebuild` takes out what no log has",
      });
    }
    await sleep(POLL_MS);
    missing = await unindexedOf(rows, place);
  }
}

/** When the newest of what ClickHouse has of these runs was received, by the clock of whichever collector it was, RFC 3339; "": it has nothing. */
export async function newestReceived(rows: Rows, tenant: string, runIds: readonly string[]): Promise<string> {
  let newest = "";
  for (const run_ids of parameterLists(runIds)) {
    const [found] = await rows.query<{ n: string; newest: string }>(
      `SELECT count() AS n, toString(toUnixTimestamp64Nano(max(received_time))) AS newest FROM steps
       WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}`,
      { tenant, run_ids },
    );
    if (found === undefined || Number(found.n) === 0) continue;
    const time = rfc3339FromUnixNano(BigInt(found.newest));
    if (time > newest) newest = time;
  }
  return newest;
}

const MAX_UNINDEXED = 10_000;

interface Received {
  tenant: string;
  runIds: readonly string[];
  sinceTime: string;
  untilTime: string;
}

/** Ids of records of these runs that ClickHouse's index of the logs lacks, the first of them. */
async function unindexedOf(rows: Rows, { tenant, runIds, sinceTime, untilTime }: Received): Promise<string[]> {
  const ids: string[] = [];
  for (const run_ids of parameterLists(runIds)) {
    const found = await rows.query<{ record_id: string }>(
      `SELECT DISTINCT record_id FROM steps
       WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}
         AND received_time BETWEEN parseDateTime64BestEffort({since:String}, 9, 'UTC') AND parseDateTime64BestEffort({until:String}, 9, 'UTC')
         AND record_id NOT IN (SELECT record_id FROM log_entries WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}) LIMIT ${MAX_UNINDEXED}`,
      { tenant, run_ids, since: sinceTime, until: untilTime },
    );
    ids.push(...found.map(({ record_id }) => record_id));
  }
  return ids;
}

/** Which of these records stand in a published log behind what ClickHouse's index has of it. */
async function foundBehindIndex(
  { rows, objects }: { rows: Rows; objects: Objects },
  wanted: ReadonlySet<string>,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const [shard, size] of Object.entries(await publishedSizes(objects))) {
    const [known] = await rows.query<{ next: string }>(
      "SELECT if(count() = 0, 0, max(log_index) + 1) AS next FROM log_entries WHERE shard = {shard:String}",
      { shard },
    );
    const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
    for await (const { entry } of readEntries(read, Math.min(Number(known?.next ?? 0), size), size, size)) {
      const { record_id } = parseLogEntry(entry);
      if (wanted.has(record_id)) found.add(record_id);
    }
  }
  return found;
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
