import crypto from "node:crypto";
import { DIRECTORY, logPrefix, packPath } from "../record/paths.ts";
import type { FindPayloadKey } from "../record/payload-reading.ts";
import type { CheckTimestamp } from "./anchors.ts";
import { logName } from "./checkpoint.ts";
import { noteOfLater } from "./log-entry.ts";
import type { ReadObject } from "./log-reader.ts";
import { addAbsentDirectory, addAbsentLogs, addUnrecordedShard } from "./not-in-directory.ts";
import type { TrustPolicy } from "./policy.ts";
import { readDestructions } from "./read-destructions.ts";
import { attestedOfShard, createReceivedTimes, type ReceivedTimes } from "./received-times.ts";
import { addRunProblems, createRunCompleteness, notesOfUnfollowed, type RunCoverage } from "./run-completeness.ts";
import { parseVerifierKey } from "./signed-note.ts";
import { headOf, sinceByLog } from "./since-checkpoints.ts";
import { type LogMoment, partsOf, readDirectory, readShards } from "./store-moment.ts";
import type { DirectorySummary, StoreVerification } from "./store-verification.ts";
import { CHECKPOINT_PATH } from "./tile-path.ts";
import { createFindings, type Findings, findingsWithin, type LogVerification } from "./verification.ts";
import { type LogToVerify, verifyLog } from "./verify.ts";
import type { RecordedShardHead, VerifiedDirectory } from "./verify-directory.ts";
import { createWitnessCover, type WitnessCover } from "./witness-cover.ts";

/** Where shards lie beside each other: a directory, a bucket, a query API. Paths as `record/paths.ts` makes them. */
export interface StoreToVerify {
  read: ReadObject;
  /** Not over HTTP: then stored checkpoints, partial tiles and older anchors are not looked at. */
  list?(prefix: string): AsyncIterable<{ path: string }>;
  /** Names of the shards that there are. */
  shards(): Promise<readonly string[]>;
  /** Where keys are at hand: sealed payloads are opened. */
  findKey?: FindPayloadKey;
}

export interface StoreTrust extends TrustPolicy {
  /** Signed checkpoints that the caller kept from before, of shards or of the directory: each must be extended by the log of its origin. */
  sinceCheckpoints?: readonly Uint8Array[];
  /** Whose time stamps count; without it they are not looked at. */
  checkTimestamp?: CheckTimestamp;
  /** The one shard that is verified; of the others only acts are read, which explain what it can't. */
  only?: string;
  /** Seconds since the epoch: entries this young may be without witnesses yet. */
  now: number;
}

const NOT_STAMPED =
  "Not proven: that entries were there at any time. No time stamp of the authority that you named covers them.";
/** Keys that an erasure destroys are asked for later than the heads, which don't tell of it yet. */
const HAS_GONE_ON =
  "The store went on while it was verified, and what is missing may be what was just erased: verify again. What is missing then too is missing.";

/**
 * Verifies every shard that is there and every one that the directory names, the directory, and what witnesses and time stamps attest of it.
 * Never rejects for what the store holds. @throws LogError `malformed` for a key or an earlier checkpoint that isn't one.
 */
export async function verifyStore(
  store: StoreToVerify,
  trust: StoreTrust,
  onProgress?: LogToVerify["onProgress"],
): Promise<StoreVerification> {
  const heads = new Map<string, Uint8Array | null>();
  const read: ReadObject = async (path) => {
    const bytes = await store.read(path);
    if (path.endsWith(`/${CHECKPOINT_PATH}`) && !heads.get(path)) heads.set(path, bytes);
    return bytes;
  };
  const seen = await verifyMoment({ ...store, read }, trust, onProgress);
  if (seen.verdict !== "INCOMPLETE" || !(await hasGoneOn(store, trust, heads).catch(() => false))) return seen;
  return { ...seen, notes: [HAS_GONE_ON, ...seen.notes] };
}

/** Since these heads were asked for. */
async function hasGoneOn(
  store: StoreToVerify,
  { only }: StoreTrust,
  heads: ReadonlyMap<string, Uint8Array | null>,
): Promise<boolean> {
  const shards = only === undefined ? await store.shards() : [];
  if (shards.some((shard) => !heads.has(logPrefix(shard) + CHECKPOINT_PATH))) return true;
  for (const [path, head] of heads) {
    const newest = await store.read(path);
    if (newest !== null && (head === null || Buffer.compare(newest, head) !== 0)) return true;
  }
  return false;
}

async function verifyMoment(
  store: StoreToVerify,
  trust: StoreTrust,
  onProgress?: LogToVerify["onProgress"],
): Promise<StoreVerification> {
  const findings = createFindings();
  const verifiers = trust.logs.map(parseVerifierKey);
  const logs: LogVerification[] = [];
  // A secret of this verification alone; it has no part in what is found.
  const runs = createRunCompleteness(crypto.randomBytes(16));
  const notes: string[] = [];
  let laterEntries = 0;
  const begun: (string | null)[] = [];
  const headless: string[] = [];
  let directory: VerifiedDirectory | null = null;
  let isDirectoryAbsent = false;
  try {
    ({ directory, isAbsent: isDirectoryAbsent } = await readDirectory(store, trust, verifiers, findings));
    if (trust.checkTimestamp !== undefined && !directory?.anchors.stamped) notes.push(NOT_STAMPED);
    const { shards, moments, within } = await readShards(store, trust, directory, verifiers, findings);
    if (moments.size === 0)
      findings.add("UNREADABLE", "log", "there is none: this is no store of logs, or nothing was written to it yet");
    const heads = new Map([...moments].map(([shard, { head }]) => [shard, head]));
    const since = sinceByLog(trust.sinceCheckpoints ?? [], heads, findings);
    const readLog = (shard: string): ReadObject => partsOf(store, shard).read;
    const acts = { shards, readLog, heads, verifiers, directory, isWitnessed: trust.quorum !== null };
    const destroyed = shards.length > 1 ? await readDestructions(acts) : undefined;
    for (const [shard, moment] of moments) {
      const { head, anchors, isListed } = moment;
      const recorded = directory?.shards.get(shard) ?? [];
      const own = within(shard);
      if (head === null) headless.push(shard);
      // One that was listed or asked for is told of by its own verification.
      if (head === null && trust.only === undefined && !isListed) {
        addMissingShard(findings, shard, recorded.at(-1));
        continue;
      }
      const { receivedTimes, cover } = attestedTimes(moment, directory, recorded, trust);
      const [sinceCheckpoint, ...earlier] = since.get(shard) ?? [];
      // What a quorum cosigned may be of another log, or of another history of this one.
      const attestedHeads = [...(anchors?.heads ?? []), ...earlier.flatMap((note) => headOf(note, verifiers, own))];
      const verification = await verifyLog({
        ...partsOf(store, shard),
        head,
        readPack: (pack) => store.read(packPath(shard, pack)),
        verifierKeys: trust.logs,
        receivedTimes,
        recordedHeads: [...recorded, ...attestedHeads],
        runs,
        onLaterEntry: () => laterEntries++,
        ...(store.findKey && { findKey: store.findKey }),
        ...(destroyed && { destroyedElsewhere: destroyed }),
        ...(sinceCheckpoint && { sinceCheckpoint }),
        ...(onProgress && { onProgress }),
      });
      logs.push(verification);
      repeat(own, verification);
      checkOrigin(own, verification, recorded.at(-1)?.origin);
      if (trust.only !== undefined) checkName(own, verification, trust.only);
      begun.push(receivedTimes.first());
      if (directory !== null && head !== null && recorded.length === 0)
        notes.push(...addUnrecordedShard(shard, receivedTimes.first(), trust.now, findings));
      notes.push(...receivedTimes.finish().map((note) => (moments.size === 1 ? note : `${shard}: ${note}`)));
      cover?.check(verification, own);
    }
  } catch (error) {
    findings.add("UNREADABLE", "store", error instanceof Error ? error.message : String(error));
  }
  if (isDirectoryAbsent) addAbsentDirectory(begun, trust.now, findingsWithin(findings, DIRECTORY));
  const here = { logs, headless, isByKeys: directory === null && !isDirectoryAbsent };
  const absent = trust.only === undefined ? addAbsentLogs(verifiers, here, findings, notes) : 0;
  const summary = runs.finish(coverageOf(logs, !isDirectoryAbsent && absent + headless.length === 0, trust));
  addRunProblems(summary, findings);
  return {
    verdict: findings.verdict(),
    runs: summary,
    entriesChecked: logs.reduce((sum, log) => sum + log.entriesChecked, 0),
    payloadsChecked: logs.reduce<number | null>((sum, log) => addKnown(sum, log.payloadsChecked), null),
    logs,
    directory: directory && summaryOf(directory),
    notes: [...notes, ...noteOfLater(laterEntries), ...notesOfUnfollowed(summary), ...summary.notes],
    findings: findings.list,
    findingsTotal: findings.total,
  };
}

/** Of a shard alone nothing can be said of what is in the others. */
function coverageOf(logs: readonly LogVerification[], areAllHere: boolean, { only }: StoreTrust): RunCoverage {
  if (logs.some(({ entriesChecked, treeSize }) => entriesChecked < treeSize)) return "damaged";
  if (only !== undefined) return "selection";
  return areAllHere ? "log" : "damaged";
}

function addMissingShard(findings: Findings, shard: string, recorded: RecordedShardHead | undefined): void {
  const what = `the directory has recorded it with ${recorded?.size ?? 0} entries, and it is not here`;
  findings.add("INCOMPLETE", `shard ${shard}`, what);
}

function attestedTimes(
  { anchors }: LogMoment,
  directory: VerifiedDirectory | null,
  recorded: readonly RecordedShardHead[],
  trust: StoreTrust,
) {
  const cover = anchors && createWitnessCover({ directory: directory?.anchors ?? null, anchors, recorded }, trust);
  const attested = attestedOfShard(directory?.anchors.attested ?? [], recorded);
  return { cover, receivedTimes: shownTo(cover, createReceivedTimes([...attested, ...(anchors?.attested ?? [])])) };
}

/** As they are verified: who serves the log could tell others when asked again. `first`: what the first entry says. */
function shownTo(cover: WitnessCover | null, times: ReceivedTimes): ReceivedTimes & { first(): string | null } {
  let first: string | null = null;
  return {
    finish: times.finish,
    first: () => first,
    add(index, receivedTime) {
      if (index === 0) first = receivedTime;
      cover?.add(index, receivedTime);
      times.add(index, receivedTime);
    },
  };
}

function checkOrigin(findings: Findings, { origin }: LogVerification, recorded: string | undefined): void {
  if (recorded === undefined || origin === null || origin === recorded) return;
  findings.add("TAMPERED", CHECKPOINT_PATH, `the directory has recorded ${recorded}, this log is ${origin}`);
}

/** A log may lie where another should: which one it is its origin says. */
function checkName(findings: Findings, { origin }: LogVerification, shard: string): void {
  if (origin === null || logName(origin) === shard) return;
  findings.add("INCOMPLETE", `shard ${shard}`, `the log that lies there is ${origin}, which is another`);
}

/** Those beyond the first are counted without their words. */
function repeat(findings: Findings, verification: LogVerification): void {
  for (const { verdict, where, what } of verification.findings) findings.add(verdict, where, what);
  const more = verification.findingsTotal - verification.findings.length;
  if (more > 0 && verification.verdict !== "VERIFIED") findings.add(verification.verdict, "…", `and ${more} more`);
}

function addKnown(sum: number | null, value: number | null): number | null {
  return value === null ? sum : (sum ?? 0) + value;
}

function summaryOf({ origin, treeSize, shards, anchors }: VerifiedDirectory): DirectorySummary {
  const { witnessed, stamped, cosignedChecked, timestampsChecked } = anchors;
  return {
    origin,
    treeSize,
    shards: [...shards.keys()].sort(),
    witnessed,
    stamped,
    cosignedChecked,
    timestampsChecked,
  };
}
