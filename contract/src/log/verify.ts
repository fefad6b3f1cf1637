import { logPrefix, packPath } from "../record/paths.ts";
import type { FindPayloadKey } from "../record/payload-reading.ts";
import { type Checkpoint, openCheckpoint, unverifiedCheckpoint } from "./checkpoint.ts";
import type { DestroyedKeys } from "./destroyed-keys.ts";
import { parseLogEntry } from "./log-entry.ts";
import { LogError } from "./log-error.ts";
import { type ReadObject, readCheckpoint } from "./log-reader.ts";
import { emptyRoot, hashesEqual } from "./merkle.ts";
import type { ReceivedTimes } from "./received-times.ts";
import { createHeadCheck, type RecordedHead } from "./recorded-heads.ts";
import type { RunCompleteness } from "./run-completeness.ts";
import { type NoteVerifier, parseVerifierKey } from "./signed-note.ts";
import { CHECKPOINT_PATH } from "./tile-path.ts";
import { createFindings, type Findings, type LogVerification } from "./verification.ts";
import { createStoredCheckpoints, type ListPaths } from "./verify-checkpoints.ts";
import { createPayloadCheck, type ReadWholePack } from "./verify-payloads.ts";
import { orFinding, type TreeCheck, verifyTree } from "./verify-tree.ts";

export interface LogToVerify {
  /** Paths relative to the log's root. */
  read: ReadObject;
  /** Its checkpoint, where the caller has asked for it already; null: there was none. */
  head?: Uint8Array | null;
  /** Where the store can list: stored checkpoints and partial tiles are checked too. */
  list?: ListPaths;
  /** Where packs can be had: payloads are checked too. */
  readPack?: ReadWholePack;
  /** Where keys are at hand: sealed payloads are opened, and a key that is gone without an erasure is a finding. */
  findKey?: FindPayloadKey;
  /** Keys that acts of other logs of the store have destroyed. */
  destroyedElsewhere?: Pick<DestroyedKeys, "of" | "isExpired">;
  /** What the caller trusts, `name+key id+key` each. Nothing is VERIFIED without one that signed. */
  verifierKeys: readonly string[];
  /** Heads that others recorded of this log: it must have had them. */
  recordedHeads?: readonly RecordedHead[];
  /** Told of every record: a run's may be spread over several logs. */
  runs?: RunCompleteness;
  /** Told of every record's. */
  receivedTimes?: ReceivedTimes;
  /** A signed checkpoint that the caller kept from before: the log must extend it. */
  sinceCheckpoint?: Uint8Array;
  /** Told of each record that holds what this version does not know. */
  onLaterEntry?(): void;
  onProgress?(entriesChecked: number, treeSize: number): void;
}

const PROGRESS_EVERY_ENTRIES = 1000;

/**
 * Recomputes a whole log: every leaf from the stored bytes of its entry, every tile, the root, and the signature over it; every
 * entry is a record in canonical form. Memory does not grow with the log. Never rejects for what the log holds.
 * @throws LogError `malformed` for a verifier key or an earlier checkpoint that isn't one.
 */
export async function verifyLog(log: LogToVerify): Promise<LogVerification> {
  const findings = createFindings();
  const verification = emptyVerification(findings);
  const verifiers = log.verifierKeys.map(parseVerifierKey);
  const since = log.sinceCheckpoint && openSince(log.sinceCheckpoint, verifiers, findings);
  try {
    const head = await openHead(log, verifiers, findings);
    if (head !== null) {
      const { origin, size, root, signedBy } = head;
      Object.assign(verification, { origin, treeSize: size, rootHash: Buffer.from(root).toString("base64"), signedBy });
      if (since) checkSince(since, head, findings);
      await verifyContents(log, head, verifiers, since ?? null, verification, findings);
    }
  } catch (error) {
    findings.add("UNREADABLE", "store", error instanceof Error ? error.message : String(error));
  }
  return { ...verification, verdict: findings.verdict(), findingsTotal: findings.total };
}

/** A shard's log in a store of ours, with its packs and stored checkpoints. */
export function verifyShard(
  objects: { read: ReadObject; list(prefix: string): AsyncIterable<{ path: string }> },
  shard: string,
  options: Pick<LogToVerify, "verifierKeys" | "sinceCheckpoint" | "recordedHeads" | "onProgress" | "findKey">,
): Promise<LogVerification> {
  const root = logPrefix(shard);
  return verifyLog({
    ...options,
    read: (path) => objects.read(root + path),
    list: async function* (prefix) {
      for await (const { path } of objects.list(root + prefix)) yield path.slice(root.length);
    },
    readPack: (pack) => objects.read(packPath(shard, pack)),
  });
}

async function verifyContents(
  log: LogToVerify,
  head: Checkpoint,
  verifiers: readonly NoteVerifier[],
  since: Checkpoint | null,
  verification: LogVerification,
  findings: Findings,
): Promise<void> {
  const payloads = log.readPack && createPayloadCheck(log.readPack, findings, log.findKey, log.destroyedElsewhere);
  const stored = log.list && (await createStoredCheckpoints(log.read, log.list, head, verifiers, findings));
  const recorded = createHeadCheck(log.recordedHeads ?? [], findings);
  const check: TreeCheck = {
    size: head.size,
    root: head.root,
    onLeaf: async (tree) => {
      if (since?.size === tree.size && !hashesEqual(since.root, tree.root())) {
        findings.add("TAMPERED", `entries 0 to ${since.size - 1}`, "they are not those of the earlier checkpoint");
      }
      recorded.compare(tree);
      await stored?.compare(tree);
    },
    onEntry: async (index, entry) => {
      const where = `entry ${index}`;
      const record = await orFinding(findings, where, async () => parseLogEntry(entry, log.onLaterEntry));
      if (record !== null) log.runs?.add(record);
      if (record !== null) log.receivedTimes?.add(index, record.received_time);
      if (record !== null) await payloads?.check(record, index);
      verification.entriesChecked++;
      if (verification.entriesChecked % PROGRESS_EVERY_ENTRIES === 0)
        log.onProgress?.(verification.entriesChecked, head.size);
    },
    onTile: async (path, width, bytesOfWidth) => stored?.comparePartials(path, width, bytesOfWidth),
  };
  await verifyTree(log.read, check, findings);
  recorded.finish(head);
  await stored?.finish(() => latestSize(log.read, verifiers));
  log.onProgress?.(verification.entriesChecked, head.size);
  verification.payloadsChecked = payloads?.checked ?? null;
  verification.sealedPayloads = payloads?.finish() ?? null;
  verification.checkpointsChecked = stored?.checked ?? null;
}

/** How far the log has grown since; 0 when nobody who is known says so. */
async function latestSize(read: ReadObject, verifiers: readonly NoteVerifier[]): Promise<number> {
  try {
    return (await readCheckpoint(read, verifiers))?.size ?? 0;
  } catch (error) {
    if (error instanceof LogError) return 0;
    throw error;
  }
}

/** The checkpoint to measure by; null, with a finding, when there is nothing to measure by. */
async function openHead(
  log: LogToVerify,
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): Promise<(Checkpoint & { signedBy: string[] }) | null> {
  const note = log.head === undefined ? await log.read(CHECKPOINT_PATH) : log.head;
  if (note === null) {
    for await (const path of log.list?.("") ?? []) {
      findings.add("INCOMPLETE", CHECKPOINT_PATH, `it is missing, while there is ${path}`);
      return null;
    }
    findings.add("UNREADABLE", CHECKPOINT_PATH, "there is none: this is no log, or nothing was written to it yet");
    return null;
  }
  try {
    return openCheckpoint(note, verifiers);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const what = verifiers.length === 0 ? "no verifier key was given, so nobody vouches for this log" : error.message;
    findings.add(error.code === "untrusted" ? "UNTRUSTED" : "TAMPERED", CHECKPOINT_PATH, what);
    if (error.code === "malformed") return null;
    const head = unsigned(note, findings);
    return head && { ...head, signedBy: [] };
  }
}

/** Signed by nobody who is known, or wrongly: it may be no checkpoint at all. */
function unsigned(note: Uint8Array, findings: Findings): Checkpoint | null {
  try {
    return unverifiedCheckpoint(note);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add("TAMPERED", CHECKPOINT_PATH, error.message);
    return null;
  }
}

function openSince(note: Uint8Array, verifiers: readonly NoteVerifier[], findings: Findings): Checkpoint {
  try {
    return openCheckpoint(note, verifiers);
  } catch (error) {
    if (!(error instanceof LogError) || error.code === "malformed") throw error;
    findings.add("UNTRUSTED", "earlier checkpoint", error.message);
    return unverifiedCheckpoint(note);
  }
}

function checkSince(since: Checkpoint, head: Checkpoint, findings: Findings): void {
  if (since.origin !== head.origin)
    findings.add(
      "TAMPERED",
      CHECKPOINT_PATH,
      `the earlier checkpoint is of ${since.origin}, this log is ${head.origin}`,
    );
  if (since.size > head.size)
    findings.add("TAMPERED", CHECKPOINT_PATH, `the log had ${since.size} entries and has ${head.size} now`);
  if (since.size === 0 && !hashesEqual(since.root, emptyRoot()))
    findings.add("TAMPERED", "earlier checkpoint", "an empty log has another root");
}

function emptyVerification(findings: Findings): LogVerification {
  return {
    verdict: "UNREADABLE",
    origin: null,
    treeSize: 0,
    rootHash: null,
    signedBy: [],
    entriesChecked: 0,
    payloadsChecked: null,
    sealedPayloads: null,
    checkpointsChecked: null,
    findings: findings.list,
    findingsTotal: 0,
  };
}
