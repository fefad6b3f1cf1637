import { setTimeout as sleep } from "node:timers/promises";
import { erasedUserLabel, LogError, type Principal, ROLES, runSubject, userSubject } from "@runledger/contract";
import { eraseRows, type Keyring, type Objects, type Rows } from "@runledger/storage";
import type { ActRecorder } from "../acts/act-recorder.ts";
import { shardsOf } from "../audit/shards-of.ts";
import { QueryApiError } from "../error.ts";
import { createExportStore } from "../exports/export-store.ts";
import { renameInOfflineExports } from "../exports/offline-exports.ts";
import { claimDestruction, releaseDestruction } from "../holds/destruction-claim.ts";
import { type ErasedSubject, holdAmong, holdOn } from "../holds/hold-on.ts";
import { createHoldStore, type KeptHold } from "../holds/hold-store.ts";
import type { Lease } from "../state/lease.ts";
import type { EndsOfLogs, RunRecord } from "./ends-of-logs.ts";
import { eraseWords } from "./erase-words.ts";
import type { ErasureStore } from "./erasure-store.ts";
import { type KeptErasure, targetOf } from "./kept-erasure.ts";
import { createRecordedErasures, publishedSizes, type RecordedErasure } from "./recorded-erasure.ts";
import { newestReceived, runsOfSubject, untilInLogs } from "./subject-runs.ts";
import { requireWholeRows } from "./whole-rows.ts";

export interface EraseDependencies {
  objects: Objects;
  rows: Rows;
  keyring: Keyring;
  acts: ActRecorder;
  clock: () => number;
  store: ErasureStore;
  ends: EndsOfLogs;
  /** How long ClickHouse has rows. */
  rowsKeptDays: number;
  /** Of the one process that goes on with erasures: two would record their acts twice. */
  lease: Pick<Lease, "hold">;
}

/** Of an act: its target may have 30 KB. */
const MAX_KEYS_PER_ACT = 600;
/** How long an act may take from its ACK into the published log before who waits is told to wait longer. */
const MAX_WAIT_MS = 30_000;
const POLL_MS = 100;
const DAY_MS = 86_400_000;
/** New keys of an active person appear at most once a month. */
const MAX_ROUNDS = 20;

type FindRecorded = () => Promise<RecordedErasure[]>;

/** Erasures under way in this process. */
export interface Eraser {
  /** Goes on with an erasure to its end, if this process may; asked twice at once, it is done once. @throws QueryApiError or StorageError, as `advanceErasure`. */
  advance(erasure: KeptErasure): Promise<KeptErasure>;
  readonly store: ErasureStore;
}

export function createEraser(dependencies: EraseDependencies): Eraser {
  const running = new Map<string, Promise<KeptErasure>>();
  return {
    store: dependencies.store,
    advance: (erasure) => {
      const id = erasure.erasure_id;
      const advancing = running.get(id) ?? advanceErasure(dependencies, erasure).finally(() => running.delete(id));
      running.set(id, advancing);
      return advancing;
    },
  };
}

/**
 * Goes on with an erasure from the state in which it is, to its end. Acts are in the log before a key is destroyed, and since all that was journalled
 * before an act is sealed before it, a second look finds the keys of what was on its way. Interrupted anywhere it is run again; what it does twice
 * has no second effect. A hold that was set meanwhile stops it, before anything is recorded and before keys are destroyed.
 * @throws QueryApiError `conflict` for a hold; it or StorageError, retryable, when it can't go on just now.
 */
async function advanceErasure(dependencies: EraseDependencies, erasure: KeptErasure): Promise<KeptErasure> {
  const findRecorded = createRecordedErasures(dependencies.objects, erasure);
  let current = erasure;
  if (current.state === "recording") current = await recordErasure(dependencies, current, { findRecorded });
  if (current.state === "destroying") {
    // It may have waited for a hold, and ClickHouse be another since.
    await requireRowsOfLogs(dependencies, current);
    await claimFromHolds(dependencies, current);
    current = await withWhatCameSince(dependencies, current, findRecorded);
    await dependencies.keyring.destroy(current.key_ids);
    await eraseTracesOf(dependencies, current);
    const done_time = new Date(dependencies.clock()).toISOString();
    // A row of a clock that was ahead has gone now: what comes later than this is not the erasure's.
    const received_until = current.received_until < done_time ? current.received_until : done_time;
    current = await dependencies.store.finish({ ...current, state: "done", done_time, received_until });
    // A crash before this: upkeep releases it.
    await releaseDestruction(createHoldStore(dependencies.objects), ({ id }) => id === current.erasure_id);
  }
  return current;
}

async function refuseHeld({ objects, rows, keyring }: EraseDependencies, erasure: KeptErasure): Promise<void> {
  const hold = await holdOn(createHoldStore(objects), { rows, keyring }, await subjectOf(rows, erasure));
  await requireWholeRows(rows);
  if (hold !== null) throw heldError(hold, erasure);
}

/** From here on no hold stops it. */
async function claimFromHolds({ objects, rows, keyring }: EraseDependencies, erasure: KeptErasure): Promise<void> {
  const subject = await subjectOf(rows, erasure);
  const claim = { id: erasure.erasure_id, tenant: erasure.tenant };
  const heldBy = async (holds: readonly KeptHold[]) => {
    const hold = await holdAmong(holds, { rows, keyring }, subject);
    await requireWholeRows(rows);
    return hold;
  };
  const hold = await claimDestruction(createHoldStore(objects), claim, heldBy);
  if (hold !== null) throw heldError(hold, erasure);
}

/** With runs that came meanwhile: the person's keys are theirs, too, until they are destroyed. */
async function subjectOf(rows: Rows, erasure: KeptErasure): Promise<ErasedSubject> {
  const { tenant, user_id: userId } = erasure;
  return { tenant, userId, runIds: await runsOfSubject(rows, erasure, null) };
}

function heldError(hold: KeptHold, erasure: KeptErasure): QueryApiError {
  return new QueryApiError("conflict", `the legal hold ${hold.hold_id} was set on it: ${hold.reason}`, {
    hint: `the erasure ${erasure.erasure_id} waits, and goes on by itself when DELETE /v1/holds/${hold.hold_id} has lifted it`,
  });
}

/** Acts are recorded by one process alone. */
async function requireLease({ lease }: EraseDependencies, erasure: KeptErasure): Promise<void> {
  if (await lease.hold()) return;
  throw new QueryApiError("unavailable", `another query API goes on with erasure ${erasure.erasure_id}`, {
    hint: "GET /v1/erasures tells how far it is",
  });
}

/** Takes the rows out of ClickHouse, those too that came out of the journal since, and what was said of the runs out of the state. */
export async function eraseTracesOf(
  { rows, objects }: Pick<EraseDependencies, "rows" | "objects">,
  erasure: KeptErasure,
): Promise<void> {
  const { tenant, subject, user_id: userId, received_until: receivedUntil, done_time } = erasure;
  const runIds = await runsOfSubject(rows, erasure, receivedUntil);
  const label = subject.kind === "user" ? erasedUserLabel(subject.pseudonym) : "";
  await eraseRows(rows, { tenant, userId, runIds, label, receivedUntil });
  const untilMs = done_time === null ? Number.POSITIVE_INFINITY : Date.parse(done_time);
  await eraseWords(objects, { tenant, runIds: new Set(runIds), untilMs });
  if (userId === null) return;
  await createExportStore(objects).rename(tenant, userId, label);
  await renameInOfflineExports(objects, { tenant, userId, label });
}

/**
 * What came since its last act, while a hold made it wait, is sealed under the same keys: one more act is in the log before they go, and the erasure is as of that one, in ClickHouse
 * as in one that is rebuilt. Once: of who is at work all the time something has always come. Not when the keys are gone: then it came after.
 */
async function withWhatCameSince(
  dependencies: EraseDependencies,
  erasure: KeptErasure,
  findRecorded: FindRecorded,
): Promise<KeptErasure> {
  const { rows, keyring } = dependencies;
  const living = await keyring.keysOf(pseudonymsOf(keyring, erasure));
  if (!living.some(({ keyId }) => erasure.key_ids.includes(keyId))) return erasure;
  const recorded = await findRecorded();
  const newest = await newestReceived(rows, erasure.tenant, await runsOfSubject(rows, erasure, null));
  const isWhole = newest <= (recorded.at(-1)?.receivedTime ?? "");
  const actsBefore = Math.max(0, isWhole ? recorded.length - 1 : recorded.length);
  const unbounded = { ...erasure, received_until: erasure.requested_time };
  return await recordErasure(dependencies, unbounded, { findRecorded, actsBefore });
}

/** As of the first act behind `actsBefore` others, which is recorded if it is not yet; further ones name the keys that came up of what was received before. */
async function recordErasure(
  dependencies: EraseDependencies,
  erasure: KeptErasure,
  { findRecorded, actsBefore = 0 }: { findRecorded: FindRecorded; actsBefore?: number },
): Promise<KeptErasure> {
  const { objects, rows, keyring, acts, store } = dependencies;
  let current = erasure;
  let newest: string | null = null;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // After a crash acts may be in the log that nobody wrote down.
    const recorded = await findRecorded();
    await requireRowsOfLogs(dependencies, current);
    const bounding = recorded[actsBefore];
    const isBounded = current.received_until !== current.requested_time;
    const runIds = await runsOfSubject(rows, current, isBounded ? current.received_until : null);
    // What came late to ClickHouse may be of before the first act, whatever a clock says; what comes after the last one is not the erasure's.
    if (!isBounded && (newest === null || current.state === "recording"))
      newest = await newestReceived(rows, current.tenant, runIds);
    const untilTime = isBounded ? current.received_until : latest([newest ?? "", bounding?.receivedTime ?? ""]);
    const deadline = performance.now() + MAX_WAIT_MS;
    if (untilTime !== "") await untilInLogs(dependencies, current, { runIds, untilTime, deadline });
    await requireWholeRows(rows);
    const logSizes = await publishedSizes(objects);
    current = { ...current, run_ids: runIds };
    // Who is at work begins new runs all the time: what was there when the act was is what goes.
    if (bounding !== undefined && !isBounded) current = await store.save({ ...current, received_until: untilTime });
    const known = new Set(recorded.flatMap(({ keyIds }) => keyIds));
    const keys = await keyring.keysOf(pseudonymsOf(keyring, current));
    const missing = keys.map(({ keyId }) => keyId).filter((keyId) => !known.has(keyId));
    if (missing.length === 0 && bounding !== undefined) {
      const log_indexes = recorded.map(({ logIndex }) => logIndex);
      // A rebuild goes by the last of its acts.
      const received_until = latest([current.received_until, recorded.at(-1)?.receivedTime ?? ""]);
      return await store.save({ ...current, state: "destroying", key_ids: [...known], log_indexes, received_until });
    }
    if (current.state === "recording") await refuseHeld(dependencies, current);
    await requireLease(dependencies, current);
    // From the record on no bundle with these contents is handed out.
    current = await store.save({ ...current, key_ids: [...known, ...missing] });
    const acting = { action: "erasure", principal: principalOf(current), reason: current.reason };
    for (let at = 0; at === 0 || at < missing.length; at += MAX_KEYS_PER_ACT)
      await acts.record({
        ...acting,
        target: { ...targetOf(current, missing.slice(at, at + MAX_KEYS_PER_ACT), logSizes) },
      });
    const names = recorded.length + Math.max(1, Math.ceil(missing.length / MAX_KEYS_PER_ACT));
    await untilInLog(findRecorded, current, names);
  }
  throw new QueryApiError("unavailable", "the erasure's keys grow faster than they are recorded; it goes on by itself");
}

/**
 * Which runs are the person's, and whom a hold means, is what ClickHouse knows: it must not be behind a log of the store, nor lack what it has, as it does where
 * another collector has a ClickHouse of its own, or had, or where it was emptied.
 */
async function requireRowsOfLogs(
  { objects, rows, clock, ends, rowsKeptDays }: EraseDependencies,
  { erasure_id }: KeptErasure,
): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS;
  // What has left ClickHouse by age, or is about to, is not asked for.
  const sinceMs = clock() - Math.max(1, rowsKeptDays - 1) * DAY_MS;
  for (const log of await shardsOf(objects)) {
    const records = await ends.find(log, sinceMs).catch((cause: unknown) => {
      if (!(cause instanceof LogError)) throw cause;
      throw new QueryApiError("unavailable", `erasure ${erasure_id} can't read shard ${log}: ${cause.message}`, {
        hint: "`runledger verify` tells what is missing; what was kept elsewhere must be put back",
      });
    });
    const areThere = await Promise.all(records.map((record) => untilRow(rows, record, deadline)));
    if (areThere.every(Boolean)) continue;
    throw new QueryApiError(
      "unavailable",
      `erasure ${erasure_id} waits for ClickHouse, which lacks what shard ${log} has`,
      {
        hint: "it goes on by itself when that is only behind (/readyz tells what holds it up); else collectors over one store share one ClickHouse (RUNLEDGER_CLICKHOUSE_URL): stop Runledger and fill it from all logs: runledger rebuild",
      },
    );
  }
}

async function untilRow(rows: Rows, { tenant, recordId }: RunRecord, deadline: number): Promise<boolean> {
  const sql = "SELECT 1 FROM steps WHERE tenant = {tenant:String} AND record_id = {recordId:String} LIMIT 1";
  while ((await rows.query(sql, { tenant, recordId })).length === 0) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

async function untilInLog(findRecorded: FindRecorded, erasure: KeptErasure, acts: number): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    if ((await findRecorded()).length >= acts) return;
    if (performance.now() > deadline) {
      throw new QueryApiError("unavailable", `erasure ${erasure.erasure_id} is recorded, and not in the log yet`, {
        hint: "it goes on by itself: GET /v1/erasures tells how far it is",
      });
    }
    await sleep(POLL_MS);
  }
}

/** Of times as RFC 3339 with one number of digits each; "" is before all. */
function latest(times: readonly string[]): string {
  return times.reduce((a, b) => (a > b ? a : b), "");
}

/** The person, and each run in which the person has a part: records that don't name the person are sealed under the run's key. */
function pseudonymsOf(keyring: Keyring, { tenant, user_id, run_ids }: KeptErasure): Set<string> {
  const runs = run_ids.map((runId) => runSubject(tenant, runId));
  const subjects = user_id === null ? runs : [userSubject(tenant, user_id), ...runs];
  return new Set(subjects.map((subject) => keyring.pseudonymOf(subject)));
}

function principalOf({ tenant, by, actor }: KeptErasure): Principal {
  const roles = new Set(ROLES.filter((role) => actor.roles.includes(role)));
  return { keyId: actor.key_id, name: by, roles, tenant, everyTenant: false };
}
