import { setTimeout } from "node:timers/promises";
import { DIRECTORY, logPrefix } from "../record/paths.ts";
import { type Anchors, readAnchors } from "./anchors.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { sinceOfDirectory } from "./since-checkpoints.ts";
import { CHECKPOINT_PATH } from "./tile-path.ts";
import { type Findings, findingsWithin } from "./verification.ts";
import type { LogToVerify } from "./verify.ts";
import { PUBLISHING_MS } from "./verify-checkpoints.ts";
import { type VerifiedDirectory, verifyDirectory } from "./verify-directory.ts";
import type { StoreToVerify, StoreTrust } from "./verify-store.ts";

/**
 * A log as it stood at one moment. All else hangs on the head, so it is asked for once: who serves the log could tell of another history when asked again, and
 * one that is read over HTTP grows by the acts that tell of the reading.
 */
export interface LogMoment {
  /** The signed note; null: there is none. */
  head: Uint8Array | null;
  /** What others attest, of no later head; null: the policy asks for none. */
  anchors: Anchors | null;
}

export interface ShardMoments {
  /** All that were listed or that the directory names, ascending. */
  shards: string[];
  /** Of those that are verified. */
  moments: Map<string, LogMoment & { isListed: boolean }>;
  within(shard: string): Findings;
}

/** After the directory: what that says is then at most as new as the shards. */
export async function readShards(
  store: StoreToVerify,
  trust: StoreTrust,
  directory: VerifiedDirectory | null,
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): Promise<ShardMoments> {
  const listed = new Set(await store.shards());
  const shards = [...new Set([...listed, ...(directory?.shards.keys() ?? [])])].sort();
  const verified = trust.only === undefined ? shards : [trust.only];
  const within = (shard: string): Findings => (verified.length === 1 ? findings : findingsWithin(findings, shard));
  const moments: ShardMoments["moments"] = new Map();
  for (const shard of verified) {
    const log = partsOf(store, shard);
    // In this order: a head is attested after it is published.
    const anchors = trust.quorum === null ? null : await readAnchors(log, trust, verifiers, within(shard));
    moments.set(shard, { anchors, head: await log.read(CHECKPOINT_PATH), isListed: listed.has(shard) });
  }
  await askAgain(
    store,
    [...moments].filter(([, { isListed }]) => isListed),
  );
  return { shards, moments, within };
}

/** What is there and has no head may be publishing its first. Asking again gives nobody a second history to show: none was told of. */
async function askAgain(store: StoreToVerify, moments: readonly (readonly [string, LogMoment])[]): Promise<void> {
  for (const waitMs of PUBLISHING_MS) {
    const absent = moments.filter(([, { head }]) => head === null);
    if (absent.length === 0) return;
    await setTimeout(waitMs);
    for (const [log, moment] of absent) moment.head = await partsOf(store, log).read(CHECKPOINT_PATH);
  }
}

/** `directory` null: no key of the policy is one's, or, with a finding, it has no head to go by. */
export async function readDirectory(
  store: StoreToVerify,
  { only, checkTimestamp, sinceCheckpoints = [], ...policy }: StoreTrust,
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): Promise<{ directory: VerifiedDirectory | null; isAbsent: boolean }> {
  const recordedHeads = sinceOfDirectory(sinceCheckpoints, verifiers, findings);
  // A directory's key is known by its name.
  if (!verifiers.some(({ name }) => name.endsWith(`/${DIRECTORY}`))) return { directory: null, isAbsent: false };
  const log = { ...partsOf(store, DIRECTORY), ...(checkTimestamp && { checkTimestamp }) };
  const own = findingsWithin(findings, DIRECTORY);
  const anchors = await readAnchors(log, policy, verifiers, own);
  const moment: LogMoment = { anchors, head: await log.read(CHECKPOINT_PATH) };
  await askAgain(store, [[DIRECTORY, moment]]);
  const { head } = moment;
  if (head === null) return { directory: null, isAbsent: true };
  const asked = { ...log, head, anchors, recordedHeads, ...(only === undefined ? {} : { only }) };
  return { directory: await verifyDirectory(asked, verifiers, own), isAbsent: false };
}

/** What lies below a log's root. */
export function partsOf(store: StoreToVerify, log: string): Pick<LogToVerify, "read" | "list"> {
  const root = logPrefix(log);
  const { list } = store;
  return {
    read: (path) => store.read(root + path),
    ...(list && {
      list: async function* (prefix: string) {
        for await (const { path } of list(root + prefix)) yield path.slice(root.length);
      },
    }),
  };
}
